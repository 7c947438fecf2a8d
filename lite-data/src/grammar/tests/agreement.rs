//! Pairs checked by hand: agreement, elision, negation, pronouns, relative clauses.

use super::build::*;
use crate::grammar::lexicon::verbs::STAY;
use crate::grammar::tree::Determiner::*;
use crate::grammar::tree::Tense::*;
use crate::grammar::tree::*;

#[test]
fn agreement_and_the_place_of_adjectives() {
    check(
        clause(np(The, "small red car+s"), Present, is("dirty")),
        "The small red cars are dirty.",
        "Les petites voitures rouges sont sales.",
    );
    check(
        clause(np(The, "girl+s"), Present, is("happy")),
        "The girls are happy.",
        "Les filles sont heureuses.",
    );
    check(
        clause(np(This, "old man"), Present, is("tired")),
        "This old man is tired.",
        "Ce vieil homme est fatigué.",
    );
    check(
        clause(np(The, "new hotel"), Past, is("clean")),
        "The new hotel was clean.",
        "Le nouvel hôtel était propre.",
    );
    check(
        clause(np(The, "tree"), Present, is("beautiful")),
        "The tree is beautiful.",
        "L'arbre est beau.",
    );
    check(
        clause(np(Partitive, "beautiful shoe+s"), Present, is("brown")),
        "Some beautiful shoes are brown.",
        "De belles chaussures sont marron.",
    );
    let couple = Nominal::And(Box::new(name("Marie")), Box::new(np(The, "boy").into()));
    check(
        clause(couple, Present, is("shy")),
        "Marie and the boy are shy.",
        "Marie et le garçon sont timides.",
    );
    check(
        clause(np(All, "horse+s"), Future, is("fast")),
        "All the horses will be fast.",
        "Tous les chevaux seront rapides.",
    );
}

#[test]
fn elision_and_contraction() {
    check(
        clause(Pronoun::I, Present, acts("like", np(The, "island"))),
        "I like the island.",
        "J'aime l'île.",
    );
    check(
        clause(np(The, "hero"), Present, acts("hate", np(The, "owl+s"))),
        "The hero hates the owls.",
        "Le héros déteste les hiboux.",
    );
    check(
        clause(Pronoun::SHE, Present, acts("talk to", np(The, "child+s"))),
        "She talks to the children.",
        "Elle parle aux enfants.",
    );
    check(
        clause(Pronoun::WE, Present, acts("play", np(The, "piano"))),
        "We play the piano.",
        "Nous jouons du piano.",
    );
    check(
        clause(man(), Present, acts("need", np(A, "umbrella"))),
        "The man needs an umbrella.",
        "L'homme a besoin d'un parapluie.",
    );
    check(
        clause(name("Paul"), Present, acts("drink", np(Partitive, "water"))),
        "Paul drinks some water.",
        "Paul boit de l'eau.",
    );
    check(
        clause(np(Owner(np(The, "worker+s").into()), "idea"), Present, is("good")),
        "The workers' idea is good.",
        "L'idée des ouvriers est bonne.",
    );
    check(
        clause(np(Mine(Pronoun::I), "school"), Present, is("quiet")),
        "My school is quiet.",
        "Mon école est tranquille.",
    );
}

#[test]
fn negation() {
    check(
        clause(Pronoun::HE, Present, acts("have", np(A, "car"))).not(Polarity::Not),
        "He does not have a car.",
        "Il n'a pas de voiture.",
    );
    check(
        clause(np(The, "cat+s"), Present, acts("eat", np(Partitive, "bread"))).not(Polarity::Never),
        "The cats never eat any bread.",
        "Les chats ne mangent jamais de pain.",
    );
    check(
        clause(Pronoun::I, Present, acts("listen to", Pronoun::HER)).not(Polarity::NoLonger),
        "I no longer listen to her.",
        "Je ne l'écoute plus.",
    );
    check(
        clause(np(The, "woman+s"), Past, does("arrive")).not(Polarity::Not),
        "The women did not arrive.",
        "Les femmes ne sont pas arrivées.",
    );
}

#[test]
fn pronouns_before_the_verb() {
    check(
        clause(Pronoun::I, Present, acts("see", Pronoun::HIM)),
        "I see him.",
        "Je le vois.",
    );
    check(
        clause(Pronoun::HE, Past, acts("invite", Pronoun::HER)),
        "He invited her.",
        "Il l'a invitée.",
    );
    check(
        clause(Pronoun::SHE, Future, acts("phone", Pronoun::I)),
        "She will phone me.",
        "Elle me téléphonera.",
    );
    check(
        clause(Pronoun::WE, Past, acts("meet", np(The, "boy+s"))).and(Past, acts("talk to", them(false))),
        "We met the boys and talked to them.",
        "Nous avons rencontré les garçons et leur avons parlé.",
    );
    check(
        clause(name("Paul"), Past, acts("buy", np(A, "lamp"))).and(Past, gives("give", it(true), Pronoun::HER)),
        "Paul bought a lamp and gave it to her.",
        "Paul a acheté une lampe et la lui a donnée.",
    );
    check(
        clause(name("Julie"), GoingTo, gives("show", np(The, "key+s"), Pronoun::YOU)),
        "Julie is going to show the keys to you.",
        "Julie va vous montrer les clés.",
    );
    check(
        Sentence::Joined(
            clause(np(The, "nurse"), Past, acts("open", np(The, "window+s"))),
            &("but", "mais"),
            clause(Pronoun::SHE, Past, acts("close", them(true))).not(Polarity::Not),
            true,
        ),
        "The nurse opened the windows, but she did not close them.",
        "L'infirmière a ouvert les fenêtres, mais elle ne les a pas fermées.",
    );
}

#[test]
fn relative_clauses_keep_agreement_at_a_distance() {
    let cats = np(The, "cat+s").with(that(np(The, "old teacher"), Present, "see"));
    check(
        clause(cats, Present, does("sleep")),
        "The cats that the old teacher sees sleep.",
        "Les chats que le vieux professeur voit dorment.",
    );
    let letters = np(The, "letter+s").with(that(name("Marie"), Past, "write"));
    check(
        clause(letters, Present, is("long")),
        "The letters that Marie wrote are long.",
        "Les lettres que Marie a écrites sont longues.",
    );
    let lawyer = np(The, "lawyer").with(that(name("Anne"), Present, "be afraid of"));
    check(
        clause(lawyer, Present, does("laugh")),
        "The lawyer that Anne is afraid of laughs.",
        "L'avocat dont Anne a peur rit.",
    );
    let neighbor = np(The, "neighbor").with(that(Pronoun::I, Present, "phone"));
    check(
        clause(neighbor, Progressive, does("leave")),
        "The neighbor that I phone is leaving.",
        "Le voisin à qui je téléphone part.",
    );
    let sisters = np(Mine(Pronoun::HE), "sister+s").with(who(Present, is("famous")));
    check(
        clause(sisters, Past, does("get up")),
        "His sisters who are famous got up.",
        "Ses sœurs qui sont célèbres se sont levées.",
    );
    let whose = Relative::Whose(Box::new(clause(np(Bare, "car"), Present, is("red"))));
    check(
        clause(np(The, "woman").with(Modifier::Relative(whose)), Present, does("work")),
        "The woman whose car is red works.",
        "La femme dont la voiture est rouge travaille.",
    );
    let live = Core::Verb {
        verb: verb(STAY, "live"),
        object: None,
        recipient: None,
    };
    let place = Relative::Where(Box::new(clause(Pronoun::WE, Present, live)));
    check(
        clause(
            np(The, "city").with(Modifier::Relative(place)),
            Present,
            is("beautiful"),
        ),
        "The city where we live is beautiful.",
        "La ville où nous habitons est belle.",
    );
}
