use proptest::prelude::*;

use super::*;

fn rules(step: usize, config: &DecodeConfig) -> Rules {
    Rules::new(step, 10, config)
}

/// Scans rows of logits, cut into runs and among scans as they may come.
fn scanned<'a>(rules: &'a Rules, rows: &[Vec<f32>], cut: usize) -> Vec<Scan<'a>> {
    let mut scans = vec![Scan::new(rules, rows.len()), Scan::new(rules, rows.len())];
    for (row, logits) in rows.iter().enumerate() {
        let cut = cut.min(logits.len());
        scans[0].take(row, 0, &logits[..cut / 2], 0.0);
        scans[0].take(row, cut / 2, &logits[cut / 2..cut], 0.0);
        scans[1].take(row, cut, &logits[cut..], 0.0);
    }
    scans
}

/// In double precision, and by a full sort.
fn by_definition(rows: &[Vec<f32>], scores: &[f32], temperature: f32, n: usize) -> Vec<(usize, u32, f64)> {
    let mut all = Vec::new();
    for (row, logits) in rows.iter().enumerate() {
        let logits: Vec<f64> = logits.iter().map(|&x| f64::from(x / temperature)).collect();
        let maximum = logits.iter().copied().fold(f64::MIN, f64::max);
        let normaliser = maximum + logits.iter().map(|x| (x - maximum).exp()).sum::<f64>().ln();
        let allowed = (0u32..).zip(&logits).filter(|(token, _)| *token != PAD);
        all.extend(allowed.map(|(token, x)| (row, token, x - normaliser + f64::from(scores[row]))));
    }
    all.sort_by(|a, b| b.2.total_cmp(&a.2));
    all.truncate(n);
    all
}

proptest! {
    #[test]
    fn candidates_are_those_of_a_full_sort(
        logits in prop::collection::vec(-30f32..30.0, 3 * 150),
        scores in prop::collection::vec(-4f32..0.0, 3),
        beam in 1usize..10,
        temperature in 0.5f32..2.0,
        cut in 0usize..150,
    ) {
        let config = DecodeConfig { beam, temperature, ..DecodeConfig::default() };
        let rows: Vec<Vec<f32>> = logits.chunks(150).map(<[f32]>::to_vec).collect();
        let rules = rules(3, &config);
        let found = best_candidates(&scanned(&rules, &rows, cut), 0, &scores);
        let expected = by_definition(&rows, &scores, temperature, 2 * beam);
        prop_assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            // Float noise of numbers up to 60; of near ties either may come first.
            prop_assert!((f64::from(found.score) - expected.2).abs() < 2e-5, "{:?} {:?}", found, expected);
        }
    }

    /// However the approximations are off, within what they say, and whoever has seen them.
    #[test]
    fn of_approximations_the_candidates_are_those_of_the_logits(
        logits in prop::collection::vec(-8f32..8.0, 3 * 150),
        signs in prop::collection::vec(-1f32..1.0, 3 * 150),
        scores in prop::collection::vec(-4f32..0.0, 3),
        beam in 1usize..6,
        temperature in 0.5f32..2.0,
        unk_penalty in -3f32..3.0,
        error in 0.01f32..2.0,
        cut in 0usize..150,
    ) {
        let config = DecodeConfig { beam, temperature, unk_penalty, ..DecodeConfig::default() };
        let rules = rules(3, &config);
        let rows: Vec<&[f32]> = logits.chunks(150).collect();
        let expected = {
            let rows: Vec<Vec<f32>> = rows.iter().map(|row| row.to_vec()).collect();
            best_candidates(&scanned(&rules, &rows, cut), 0, &scores)
        };
        let mut scans = vec![Scan::new(&rules, 3), Scan::new(&rules, 3)];
        for (row, (logits, signs)) in rows.iter().zip(signs.chunks(150)).enumerate() {
            let given: Vec<f32> = logits.iter().zip(signs).map(|(logit, sign)| logit + 0.99 * error * sign).collect();
            scans[1].take(row, 0, &given[..cut], error);
            scans[0].take(row, cut, &given[cut..], error);
        }
        settle(&mut scans, |row, token| rows[row][token as usize]);
        let found = best_candidates(&scans, 0, &scores);
        prop_assert_eq!(found.len(), expected.len());
        // Each row's constant still has the errors of words that nobody asked for.
        let off = f64::from(error / temperature);
        for (row, before) in scores.iter().enumerate() {
            let of_row = |all: &[Candidate]| -> Vec<(u32, f32)> {
                let all = all.iter().filter(|candidate| candidate.row == row);
                all.map(|candidate| (candidate.token, candidate.score - before)).collect()
            };
            for ((token, found), (other, expected)) in of_row(&found).into_iter().zip(of_row(&expected)) {
                prop_assert_eq!(token, other);
                prop_assert!(f64::from(found - expected).abs() <= off, "{} {}", found, expected);
            }
        }
    }

    #[test]
    fn the_constant_is_that_of_a_softmax(
        logits in prop::collection::vec(-50f32..50.0, 5..4000),
        cut in 0usize..4000,
    ) {
        let config = DecodeConfig { beam: 1, ..DecodeConfig::default() };
        let rules = rules(3, &config);
        let expected = by_definition(std::slice::from_ref(&logits), &[0.0], 1.0, 1);
        let found = best_candidates(&scanned(&rules, &[logits], cut), 0, &[0.0]);
        prop_assert!((f64::from(found[0].score) - expected[0].2).abs() < 2e-5);
    }
}

#[test]
fn rules_forbid_and_force() {
    let best = |step, config: DecodeConfig| {
        let mut rules = rules(step, &DecodeConfig { beam: 2, ..config });
        rules.banned = vec![vec![5]];
        let logits = vec![0.0, 9.0, 5.0, 4.0, 1.0, 2.0];
        let found = best_candidates(&scanned(&rules, &[logits], 3), 0, &[0.0]);
        found.iter().map(|candidate| candidate.token).collect::<Vec<_>>()
    };
    let config = DecodeConfig::default();
    assert_eq!(
        best(1, config.clone()),
        [EOS, UNK, 4, 0],
        "padding and a banned token are never chosen"
    );
    assert_eq!(best(0, config.clone()), [UNK, 4, 0], "no end before the least length");
    assert_eq!(
        best(10, config.clone()),
        [EOS],
        "nothing but the end at the greatest length"
    );
    let taxed = |unk_penalty| DecodeConfig {
        unk_penalty,
        ..config.clone()
    };
    assert_eq!(best(1, taxed(10.0)), [EOS, 4, 0, UNK], "a taxed unknown word");
    assert_eq!(best(1, taxed(-10.0)), [UNK, EOS, 4, 0], "a subsidised one");
}

#[test]
fn what_is_no_number_is_never_chosen() {
    let config = DecodeConfig::default();
    let rules = rules(1, &config);
    for nothing in [f32::NAN, f32::NEG_INFINITY] {
        let found = best_candidates(&scanned(&rules, &[vec![nothing; 80]], 40), 0, &[0.0]);
        assert_eq!(found, []);
    }
}

#[test]
fn of_equals_the_earlier_beam_and_the_lower_token_come_first() {
    let config = DecodeConfig {
        beam: 3,
        ..DecodeConfig::default()
    };
    let rules = rules(1, &config);
    let rows = vec![vec![0.0; 100]; 2];
    let found = best_candidates(&scanned(&rules, &rows, 50), 0, &[0.0, 0.0]);
    let found: Vec<(usize, u32)> = found.iter().map(|found| (found.row, found.token)).collect();
    assert_eq!(found, [(0, 0), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6)]);
}
