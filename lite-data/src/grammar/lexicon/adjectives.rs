//! Adjectives: agreement, place, what they are said of, comparison.

use super::*;
use Comparison::{Ending, More};

const fn after(
    english: &'static str,
    masculine: &'static str,
    feminine: &'static str,
    kind: Kind,
    comparison: Comparison,
) -> Adjective {
    Adjective {
        english,
        masculine,
        feminine,
        before_vowel: None,
        precedes: false,
        kind,
        comparison,
    }
}

const fn before(
    english: &'static str,
    masculine: &'static str,
    feminine: &'static str,
    kind: Kind,
    comparison: Comparison,
) -> Adjective {
    Adjective {
        english,
        masculine,
        feminine,
        before_vowel: None,
        precedes: true,
        kind,
        comparison,
    }
}

const fn vowel(mut adjective: Adjective, form: &'static str) -> Adjective {
    adjective.before_vowel = Some(form);
    adjective
}

const NO: Comparison = Comparison::None;
const GOODS: Kind = OBJECT | VEHICLE | CLOTHING;
const PAINTED: Kind = THING | SURFACE | CLOTHING | VEHICLE | PART | PLANT;
const ANY: Kind = VISIBLE;

/// All adjectives.
#[rustfmt::skip]
pub static ADJECTIVES: &[Adjective] = &[
    before("big", "grand", "grande", THING | SURFACE | PLACE | PART | ANIMAL | VEHICLE | PLANT, Ending("bigger", "biggest")),
    before("small", "petit", "petite", ANY, Ending("smaller", "smallest")),
    before("young", "jeune", "jeune", ANIMATE, Ending("younger", "youngest")),
    vowel(before("old", "vieux", "vieille", ANY, Ending("older", "oldest")), "vieil"),
    vowel(before("beautiful", "beau", "belle", ANY, More), "bel"),
    vowel(before("new", "nouveau", "nouvelle", GOODS | BUILDING | ABSTRACT, NO), "nouvel"),
    before("good", "bon", "bonne", FOOD | DRINK | ABSTRACT | TEXT, NO),
    before("bad", "mauvais", "mauvaise", FOOD | DRINK | ABSTRACT | TEXT, NO),
    before("pretty", "joli", "jolie", GOODS | PLACE | PLANT, Ending("prettier", "prettiest")),
    before("long", "long", "longue", TEXT | SONG | CLOTHING, Ending("longer", "longest")),
    before("fat", "gros", "grosse", ANIMAL, Ending("fatter", "fattest")),
    after("red", "rouge", "rouge", PAINTED, NO),
    after("green", "vert", "verte", PAINTED, NO),
    after("blue", "bleu", "bleue", PAINTED, NO),
    after("white", "blanc", "blanche", PAINTED | ANIMAL, NO),
    after("black", "noir", "noire", PAINTED | ANIMAL, NO),
    after("yellow", "jaune", "jaune", PAINTED, NO),
    after("gray", "gris", "grise", PAINTED | ANIMAL, NO),
    after("brown", "marron", "marron", PAINTED, NO),
    after("pink", "rose", "rose", CLOTHING | PLANT, NO),
    after("French", "français", "française", PERSON | TEXT | VEHICLE | SONG, NO),
    after("English", "anglais", "anglaise", PERSON | TEXT | VEHICLE | SONG, NO),
    after("German", "allemand", "allemande", PERSON | TEXT | VEHICLE | SONG, NO),
    after("Spanish", "espagnol", "espagnole", PERSON | TEXT | SONG, NO),
    after("Italian", "italien", "italienne", PERSON | TEXT | VEHICLE | SONG, NO),
    after("American", "américain", "américaine", PERSON | TEXT | VEHICLE | SONG, NO),
    after("happy", "heureux", "heureuse", PERSON, Ending("happier", "happiest")),
    after("sad", "triste", "triste", PERSON | SONG | TEXT, Ending("sadder", "saddest")),
    after("tired", "fatigué", "fatiguée", ANIMATE, More),
    after("sick", "malade", "malade", ANIMATE, NO),
    after("rich", "riche", "riche", PERSON, Ending("richer", "richest")),
    after("strong", "fort", "forte", ANIMATE, Ending("stronger", "strongest")),
    after("intelligent", "intelligent", "intelligente", ANIMATE, More),
    after("famous", "célèbre", "célèbre", PERSON | TEXT | SONG | PLACE, More),
    after("shy", "timide", "timide", PERSON, NO),
    after("honest", "honnête", "honnête", PERSON, More),
    after("polite", "poli", "polie", PERSON, More),
    after("patient", "patient", "patiente", PERSON, More),
    after("brave", "courageux", "courageuse", ANIMATE, Ending("braver", "bravest")),
    after("jealous", "jaloux", "jalouse", PERSON, More),
    after("lazy", "paresseux", "paresseuse", ANIMATE, Ending("lazier", "laziest")),
    after("serious", "sérieux", "sérieuse", PERSON | ABSTRACT, More),
    after("curious", "curieux", "curieuse", ANIMATE, More),
    after("angry", "furieux", "furieuse", PERSON, NO),
    after("calm", "calme", "calme", ANIMATE | PLACE, Ending("calmer", "calmest")),
    after("proud", "fier", "fière", PERSON, Ending("prouder", "proudest")),
    after("dangerous", "dangereux", "dangereuse", ANIMAL | AREA, More),
    after("fast", "rapide", "rapide", VEHICLE | ANIMAL, Ending("faster", "fastest")),
    after("slow", "lent", "lente", VEHICLE | ANIMAL, Ending("slower", "slowest")),
    after("expensive", "cher", "chère", GOODS, More),
    after("heavy", "lourd", "lourde", THING | SURFACE, Ending("heavier", "heaviest")),
    after("light", "léger", "légère", THING | CLOTHING, Ending("lighter", "lightest")),
    after("dirty", "sale", "sale", GOODS | BUILDING | PART, Ending("dirtier", "dirtiest")),
    after("clean", "propre", "propre", GOODS | BUILDING | PART, Ending("cleaner", "cleanest")),
    after("modern", "moderne", "moderne", BUILDING | VEHICLE | PICTURE, More),
    after("comfortable", "confortable", "confortable", SURFACE | CLOTHING | VEHICLE, More),
    after("quiet", "tranquille", "tranquille", PLACE, Ending("quieter", "quietest")),
    after("dark", "sombre", "sombre", PLACE, Ending("darker", "darkest")),
    after("delicious", "délicieux", "délicieuse", FOOD | DRINK, NO),
    after("fresh", "frais", "fraîche", FOOD | DRINK, Ending("fresher", "freshest")),
    after("cold", "froid", "froide", DRINK, Ending("colder", "coldest")),
    after("hot", "chaud", "chaude", DRINK, Ending("hotter", "hottest")),
    after("interesting", "intéressant", "intéressante", TEXT | ABSTRACT | PICTURE, More),
    after("boring", "ennuyeux", "ennuyeuse", TEXT | ABSTRACT, More),
    after("difficult", "difficile", "difficile", ABSTRACT | TEXT, More),
    after("easy", "facile", "facile", ABSTRACT | TEXT, Ending("easier", "easiest")),
    after("important", "important", "importante", ABSTRACT | TEXT, More),
    after("useful", "utile", "utile", THING | ABSTRACT | TEXT, More),
    after("strange", "étrange", "étrange", ABSTRACT | OBJECT | ANIMAL, Ending("stranger", "strangest")),
    after("funny", "drôle", "drôle", PERSON | TEXT | SONG, Ending("funnier", "funniest")),
    after("round", "rond", "ronde", THING | SURFACE, NO),
];

/// Words before a predicate adjective.
pub static DEGREES: &[(&str, &str)] = &[
    ("very", "très"),
    ("too", "trop"),
    ("quite", "assez"),
    ("really", "vraiment"),
];
