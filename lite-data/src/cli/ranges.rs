//! Numbers that an option takes only from a range: clap refuses others, as it does words.

/// A probability.
pub fn probability(text: &str) -> Result<f64, String> {
    number(text, |value| (0.0..=1.0).contains(&value), "a number from 0 to 1")
}

/// A share of a whole of which something has to be left.
pub fn share(text: &str) -> Result<f64, String> {
    number(text, |value| value > 0.0 && value <= 1.0, "a share above 0 and up to 1")
}

fn number(text: &str, fits: fn(f64) -> bool, expected: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|&value| fits(value));
    value.ok_or_else(|| format!("expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_a_range_belong_to_it_or_not() {
        assert_eq!((probability("0"), probability("1")), (Ok(0.0), Ok(1.0)));
        assert_eq!((share("1"), share("0.5")), (Ok(1.0), Ok(0.5)));
        for text in ["1.01", "-0.1", "NaN", "inf", "x", ""] {
            assert!(probability(text).is_err() && share(text).is_err(), "{text}");
        }
        assert_eq!(share("0"), Err("expected a share above 0 and up to 1".into()));
    }
}
