//! Pairs checked by hand: tenses, questions, comparison, numbers, places.

use super::build::*;
use crate::grammar::lexicon::adjectives::DEGREES;
use crate::grammar::lexicon::names::{CITIES, COUNTRIES, PROFESSIONS};
use crate::grammar::lexicon::times;
use crate::grammar::lexicon::verbs::*;
use crate::grammar::tree::Determiner::*;
use crate::grammar::tree::Tense::*;
use crate::grammar::tree::*;

#[test]
fn tenses() {
    let fish = || does("swim");
    check(clause(Pronoun::WE, UsedTo, fish()), "We used to swim.", "Nous nagions.");
    check(
        clause(Pronoun::I, PastProgressive, fish()),
        "I was swimming.",
        "Je nageais.",
    );
    check(clause(Pronoun::WE, Present, fish()), "We swim.", "Nous nageons.");
    check(
        clause(name("Léa"), Past, acts("know", np(The, "king"))),
        "Léa knew the king.",
        "Léa connaissait le roi.",
    );
    check(
        clause(np(The, "teacher"), Past, acts("clean", np(The, "garage"))).often(),
        "The teacher often cleaned the garage.",
        "Le professeur a souvent nettoyé le garage.",
    );
    check(
        clause(
            np(The, "house"),
            Past,
            Core::Passive(verb(TRANSITIVE, "build"), Some(np(The, "worker+s").into())),
        ),
        "The house was built by the workers.",
        "La maison a été construite par les ouvriers.",
    );
    let rain = Core::Verb {
        verb: &WEATHER[0],
        object: None,
        recipient: None,
    };
    check(
        Sentence::Fronted(
            &("if", "si"),
            clause(Pronoun::WEATHER, Present, rain),
            clause(Pronoun::I, Future, does("sleep")),
        ),
        "If it rains, I will sleep.",
        "S'il pleut, je dormirai.",
    );
    check(
        Sentence::Fronted(
            &("when", "quand"),
            clause(np(The, "queen"), PresentForFuture, does("come back")),
            clause(np(The, "dancer+s"), Future, does("hurry")),
        ),
        "When the queen comes back, the dancers will hurry.",
        "Quand la reine reviendra, les danseuses se dépêcheront.",
    );
}

#[test]
fn questions_and_orders() {
    check(
        Sentence::Question(Question::Whether, clause(Pronoun::HE, Past, does("fall"))),
        "Did he fall?",
        "Est-ce qu'il est tombé ?",
    );
    check(
        Sentence::Question(
            Question::Word(&("why", "pourquoi")),
            clause(np(The, "owl"), Present, is("sick")),
        ),
        "Why is the owl sick?",
        "Pourquoi est-ce que le hibou est malade ?",
    );
    let buys = Core::Verb {
        verb: verb(TRANSITIVE, "buy"),
        object: None,
        recipient: None,
    };
    check(
        Sentence::Question(Question::What, clause(name("Anne"), Present, buys)),
        "What does Anne buy?",
        "Qu'est-ce qu'Anne achète ?",
    );
    check(
        Sentence::Who(Predicate::new(Past, acts("lose", np(The, "ring")))),
        "Who lost the ring?",
        "Qui a perdu la bague ?",
    );
    check(
        Sentence::HowMuch(np(This, "tie+s").into()),
        "How much do these ties cost?",
        "Combien coûtent ces cravates ?",
    );
    check(
        Sentence::Imperative(Polarity::Yes, gives("give", np(The, "book"), Pronoun::I), true),
        "Please give the book to me.",
        "Donnez-moi le livre, s'il vous plaît.",
    );
    check(
        Sentence::Imperative(Polarity::Not, acts("open", np(The, "door")), false),
        "Do not open the door!",
        "N'ouvrez pas la porte !",
    );
    check(
        Sentence::There(Past, np(Number(21), "cow+s").into(), near("in", np(The, "field"))),
        "There were twenty-one cows in the field.",
        "Il y avait vingt et une vaches dans le champ.",
    );
}

#[test]
fn comparison() {
    let than = |degree, word, other| Core::Be(Attribute::Comparison(degree, adjective(word), other));
    check(
        clause(
            np(The, "table"),
            Present,
            than(Degree::More, "heavy", np(The, "chair").into()),
        ),
        "The table is heavier than the chair.",
        "La table est plus lourde que la chaise.",
    );
    check(
        clause(Pronoun::SHE, Past, than(Degree::As, "tired", name("Alice"))),
        "She was as tired as Alice.",
        "Elle était aussi fatiguée qu'Alice.",
    );
    let mut house = np(The, "house").with(Modifier::Within(np(The, "village").into()));
    house.superlative = Some(adjective("modern"));
    check(
        clause(
            house,
            Present,
            Core::Be(Attribute::Adjective(adjective("quiet"), Some(&DEGREES[0]))),
        ),
        "The most modern house in the village is very quiet.",
        "La maison la plus moderne du village est très tranquille.",
    );
    let mut hotel = np(The, "hotel").with(Modifier::Within(np(The, "city").into()));
    hotel.superlative = Some(adjective("old"));
    check(
        clause(hotel, Present, is("dark")),
        "The oldest hotel in the city is dark.",
        "Le plus vieil hôtel de la ville est sombre.",
    );
}

#[test]
fn embedded_verbs() {
    let wants = |word, inner| Core::Control(verb(CONTROL, word), Box::new(inner));
    check(
        clause(np(The, "child+s"), Present, wants("want to", acts("see", it(true)))),
        "The children want to see it.",
        "Les enfants veulent la voir.",
    );
    check(
        clause(Pronoun::SHE, Past, wants("decide to", acts("open", np(The, "box")))),
        "She decided to open the box.",
        "Elle a décidé d'ouvrir la boîte.",
    );
    check(
        clause(Pronoun::YOU, Present, wants("can", does("rest"))).not(Polarity::Not),
        "You cannot rest.",
        "Vous ne pouvez pas vous reposer.",
    );
    let said = clause(np(Mine(Pronoun::SHE), "aunt+s"), Present, is("rich"));
    check(
        clause(Pronoun::HE, Present, Core::That(verb(CLAUSAL, "think"), Box::new(said))),
        "He thinks that her aunts are rich.",
        "Il pense que ses tantes sont riches.",
    );
}

#[test]
fn numbers_dates_times_prices() {
    let arrives = |tense| clause(np(The, "train"), tense, does("arrive"));
    let when = |time| arrives(Past).at(Adjunct::Time(time));
    check(
        when(Time::Clock(19, 45)),
        "The train arrived at 7:45 pm.",
        "Le train est arrivé à 19 h 45.",
    );
    check(
        when(Time::Clock(0, 5)),
        "The train arrived at 12:05 am.",
        "Le train est arrivé à 0 h 05.",
    );
    check(
        when(Time::Clock(12, 0)),
        "The train arrived at noon.",
        "Le train est arrivé à midi.",
    );
    check(
        when(Time::Date(5, 2, 1998)),
        "The train arrived on March 5, 1998.",
        "Le train est arrivé le 5 mars 1998.",
    );
    check(
        when(Time::Day(1, 7)),
        "The train arrived on August 1.",
        "Le train est arrivé le 1er août.",
    );
    check(
        when(Time::Ago(3, 2)),
        "The train arrived three days ago.",
        "Le train est arrivé il y a trois jours.",
    );
    check(
        when(Time::Ago(1, 1)),
        "The train arrived an hour ago.",
        "Le train est arrivé il y a une heure.",
    );
    check(
        arrives(Present).first(Time::Weekdays(0)),
        "On Mondays, the train arrives.",
        "Le lundi, le train arrive.",
    );
    let costs = |cents| clause(np(The, "apple+s"), Present, Core::Cost(cents));
    check(
        costs(350),
        "The apples cost 3.50 euros.",
        "Les pommes coûtent 3,50 euros.",
    );
    check(
        costs(125_000),
        "The apples cost 1,250 euros.",
        "Les pommes coûtent 1 250 euros.",
    );
    check(
        clause(name("Marc"), Present, Core::Be(Attribute::Age(81))),
        "Marc is eighty-one years old.",
        "Marc a quatre-vingt-un ans.",
    );
}

#[test]
fn places_and_people() {
    let goes = |place| {
        let core = Core::Verb {
            verb: verb(MOTION, "go"),
            object: None,
            recipient: None,
        };
        clause(np(The, "princess+s"), Past, core).at(Adjunct::Place(place))
    };
    let country = |word: &str| entry(COUNTRIES, |country| country.0 == word);
    check(
        goes(Place::Country(Direction::To, country("Japan"))),
        "The princesses went to Japan.",
        "Les princesses sont allées au Japon.",
    );
    check(
        goes(Place::Country(Direction::To, country("the United States"))),
        "The princesses went to the United States.",
        "Les princesses sont allées aux États-Unis.",
    );
    check(
        goes(Place::City(Direction::To, entry(CITIES, |city| city.0 == "Athens"))),
        "The princesses went to Athens.",
        "Les princesses sont allées à Athènes.",
    );
    check(
        goes(Place::At(&times::TO, np(The, "market").into())),
        "The princesses went to the market.",
        "Les princesses sont allées au marché.",
    );
    check(
        clause(Pronoun::SHE, Present, does("wait")).at(Adjunct::Place(near("near", np(The, "hospital")))),
        "She waits near the hospital.",
        "Elle attend près de l'hôpital.",
    );
    let lawyer = Attribute::Profession(entry(PROFESSIONS, |profession| profession.0 == "lawyer"));
    check(
        clause(np(Owner(name("Paul")), "sister+s"), Present, Core::Be(lawyer)),
        "Paul's sisters are lawyers.",
        "Les sœurs de Paul sont avocates.",
    );
}
