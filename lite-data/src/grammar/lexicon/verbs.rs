//! Verbs by the company they keep; French conjugation is in `conjugation`.

use super::*;

const fn v(english: &'static str, french: &'static str, subject: Kind, object: Kind) -> Verb {
    Verb::new(english, french, subject, object)
}

/// With an object.
#[rustfmt::skip]
pub static TRANSITIVE: &[Verb] = &[
    v("see", "voir", ANIMATE, VISIBLE).irregular("saw", "seen"),
    v("look at", "regarder", ANIMATE, VISIBLE),
    v("look for", "chercher", ANIMATE, OBJECT | ANIMATE),
    v("find", "trouver", ANIMATE, OBJECT | ANIMAL).irregular("found", ""),
    v("follow", "suivre", ANIMATE, ANIMATE | VEHICLE),
    v("hear", "entendre", ANIMATE, ANIMATE | VEHICLE | SONG).irregular("heard", ""),
    v("like", "aimer", PERSON, ANIMATE | OBJECT | PLACE | FOOD | DRINK | SONG).state(),
    v("hate", "détester", PERSON, ANIMATE | OBJECT | PLACE | FOOD | DRINK | SONG).state(),
    v("know", "connaître", PERSON, PERSON | PLACE | SONG | TEXT).irregular("knew", "known").state(),
    v("need", "avoir besoin de", PERSON, OBJECT | VEHICLE | PERSON).link(Link::Of).state(),
    v("have", "avoir", PERSON, OBJECT | VEHICLE | ANIMAL | ABSTRACT).irregular("had", "").state(),
    v("want", "vouloir", PERSON, OBJECT | VEHICLE | ANIMAL | FOOD).state(),
    v("be afraid of", "avoir peur de", ANIMATE, ANIMATE).link(Link::Of).irregular("was", "been").state(),
    v("admire", "admirer", PERSON, PERSON | PLACE | PICTURE | PLANT).state(),
    v("meet", "rencontrer", PERSON, PERSON).irregular("met", ""),
    v("invite", "inviter", PERSON, PERSON),
    v("help", "aider", PERSON, PERSON),
    v("greet", "saluer", PERSON, PERSON),
    v("thank", "remercier", PERSON, PERSON),
    v("call", "appeler", PERSON, PERSON),
    v("wait for", "attendre", PERSON, PERSON | VEHICLE),
    v("protect", "protéger", ANIMATE, ANIMATE),
    v("answer", "répondre à", PERSON, PERSON).link(Link::To),
    v("phone", "téléphoner à", PERSON, PERSON).link(Link::To),
    v("talk to", "parler à", PERSON, PERSON).link(Link::To),
    v("obey", "obéir à", PERSON, PERSON).link(Link::To),
    v("visit", "visiter", PERSON, PLACE),
    v("leave", "quitter", PERSON, PLACE).irregular("left", ""),
    v("build", "construire", PERSON, BUILDING).irregular("built", ""),
    v("discover", "découvrir", PERSON, PLACE | ABSTRACT),
    v("lose", "perdre", PERSON, THING | CLOTHING | TEXT).irregular("lost", ""),
    v("forget", "oublier", PERSON, OBJECT | ABSTRACT | PERSON).irregular("forgot", "forgotten"),
    v("buy", "acheter", PERSON, OBJECT | VEHICLE | FOOD).irregular("bought", ""),
    v("sell", "vendre", PERSON, OBJECT | VEHICLE | BUILDING).irregular("sold", ""),
    v("choose", "choisir", PERSON, OBJECT | VEHICLE | FOOD).irregular("chose", "chosen"),
    v("take", "prendre", PERSON, THING | CLOTHING | TEXT | VEHICLE).irregular("took", "taken"),
    v("bring", "apporter", PERSON, THING | TEXT | FOOD | DRINK).irregular("brought", ""),
    v("receive", "recevoir", PERSON, THING | TEXT),
    v("carry", "porter", PERSON, THING | SURFACE),
    v("wear", "porter", PERSON, CLOTHING).irregular("wore", "worn"),
    v("hide", "cacher", ANIMATE, THING | TEXT | CLOTHING).irregular("hid", "hidden"),
    v("use", "utiliser", PERSON, THING | VEHICLE),
    v("break", "casser", PERSON, THING | SURFACE).irregular("broke", "broken"),
    v("repair", "réparer", PERSON, THING | SURFACE | VEHICLE | PART),
    v("throw", "lancer", PERSON, THING | CLOTHING).irregular("threw", "thrown"),
    v("wash", "laver", PERSON, CLOTHING | VEHICLE | ANIMAL),
    v("clean", "nettoyer", PERSON, BUILDING | SURFACE | VEHICLE),
    v("draw", "dessiner", PERSON, VISIBLE).irregular("drew", "drawn"),
    v("paint", "peindre", PERSON, PART | SURFACE | BUILDING),
    v("open", "ouvrir", PERSON, OPENABLE),
    v("close", "fermer", PERSON, OPENABLE),
    v("drive", "conduire", PERSON, VEHICLE).irregular("drove", "driven"),
    v("read", "lire", PERSON, TEXT).irregular("read", ""),
    v("write", "écrire", PERSON, TEXT).irregular("wrote", "written"),
    v("translate", "traduire", PERSON, TEXT),
    v("listen to", "écouter", PERSON, PERSON | SONG),
    v("sing", "chanter", PERSON, SONG).irregular("sang", "sung"),
    v("play", "jouer de", PERSON, INSTRUMENT).link(Link::Of),
    v("eat", "manger", ANIMATE, FOOD).irregular("ate", "eaten"),
    v("prepare", "préparer", PERSON, FOOD | DRINK | ABSTRACT),
    v("taste", "goûter", PERSON, FOOD | DRINK),
    v("drink", "boire", PERSON, DRINK).irregular("drank", "drunk"),
    v("understand", "comprendre", PERSON, ABSTRACT | PERSON | TEXT).irregular("understood", ""),
    v("explain", "expliquer", PERSON, ABSTRACT),
    v("feed", "nourrir", PERSON, ANIMAL).irregular("fed", ""),
];

/// With a thing and a person: "give it to her".
#[rustfmt::skip]
pub static DITRANSITIVE: &[Verb] = &[
    v("give", "donner", PERSON, THING | CLOTHING | TEXT | FOOD).irregular("gave", "given"),
    v("show", "montrer", PERSON, OBJECT | VEHICLE | PLACE).irregular("showed", "shown"),
    v("send", "envoyer", PERSON, TEXT | THING | PICTURE).irregular("sent", ""),
    v("lend", "prêter", PERSON, THING | CLOTHING | TEXT | VEHICLE).irregular("lent", ""),
    v("sell", "vendre", PERSON, OBJECT | VEHICLE).irregular("sold", ""),
    v("offer", "offrir", PERSON, THING | PLANT | CLOTHING | FOOD),
    v("explain", "expliquer", PERSON, ABSTRACT),
];

/// Without an object.
#[rustfmt::skip]
pub static INTRANSITIVE: &[Verb] = &[
    v("sleep", "dormir", ANIMATE, 0).irregular("slept", ""),
    v("work", "travailler", PERSON, 0),
    v("sing", "chanter", PERSON, 0).irregular("sang", "sung"),
    v("dance", "danser", PERSON, 0),
    v("laugh", "rire", PERSON, 0),
    v("smile", "sourire", PERSON, 0),
    v("cry", "pleurer", PERSON, 0),
    v("run", "courir", ANIMATE, 0).irregular("ran", "run"),
    v("swim", "nager", ANIMATE, 0).irregular("swam", "swum"),
    v("walk", "marcher", ANIMATE, 0),
    v("play", "jouer", ANIMATE, 0),
    v("eat", "manger", ANIMATE, 0).irregular("ate", "eaten"),
    v("wait", "attendre", PERSON, 0),
    v("shout", "crier", PERSON, 0),
    v("study", "étudier", PERSON, 0),
    v("fall", "tomber", ANIMATE, 0).irregular("fell", "fallen"),
    v("arrive", "arriver", ANIMATE | VEHICLE, 0),
    v("leave", "partir", PERSON | VEHICLE, 0).irregular("left", ""),
    v("go out", "sortir", ANIMATE, 0).irregular("went out", "gone out"),
    v("come back", "revenir", ANIMATE | VEHICLE, 0).irregular("came back", "come back"),
    v("rest", "se reposer", ANIMATE, 0),
    v("get up", "se lever", PERSON, 0).irregular("got up", ""),
    v("go to bed", "se coucher", PERSON, 0).irregular("went to bed", "gone to bed"),
    v("wake up", "se réveiller", ANIMATE, 0).irregular("woke up", ""),
    v("hurry", "se dépêcher", PERSON, 0),
    v("have fun", "s'amuser", PERSON, 0).irregular("had fun", ""),
    v("stop", "s'arrêter", PERSON | VEHICLE, 0),
    v("be hungry", "avoir faim", ANIMATE, 0).irregular("was hungry", "").state(),
    v("be thirsty", "avoir soif", ANIMATE, 0).irregular("was thirsty", "").state(),
    v("be right", "avoir raison", PERSON, 0).irregular("was right", "").state(),
    v("be wrong", "avoir tort", PERSON, 0).irregular("was wrong", "").state(),
];

/// To a place.
#[rustfmt::skip]
pub static MOTION: &[Verb] = &[
    v("go", "aller", ANIMATE, 0).irregular("went", "gone"),
    v("come", "venir", PERSON, 0).irregular("came", "come"),
    v("go back", "retourner", PERSON, 0).irregular("went back", "gone back"),
];

/// From a place.
#[rustfmt::skip]
pub static DEPARTURE: &[Verb] = &[
    v("come back", "revenir", PERSON, 0).irregular("came back", "come back"),
    v("arrive", "arriver", PERSON | VEHICLE, 0),
];

/// In a place.
#[rustfmt::skip]
pub static STAY: &[Verb] = &[
    v("live", "habiter", PERSON, 0).state(),
    v("stay", "rester", PERSON, 0),
    v("work", "travailler", PERSON, 0),
];

/// "that" and a clause.
#[rustfmt::skip]
pub static CLAUSAL: &[Verb] = &[
    v("think", "penser", PERSON, 0).irregular("thought", "").state(),
    v("know", "savoir", PERSON, 0).irregular("knew", "").state(),
    v("say", "dire", PERSON, 0).irregular("said", ""),
    v("believe", "croire", PERSON, 0).state(),
    v("hope", "espérer", PERSON, 0).state(),
];

/// An infinitive; a last French word "de" or "à" stands before it.
#[rustfmt::skip]
pub static CONTROL: &[Verb] = &[
    v("can", "pouvoir", PERSON, 0).irregular("could", "").state(),
    v("must", "devoir", PERSON, 0).state(),
    v("want to", "vouloir", PERSON, 0).state(),
    v("like to", "aimer", PERSON, 0).state(),
    v("hope to", "espérer", PERSON, 0).state(),
    v("prefer to", "préférer", PERSON, 0).state(),
    v("try to", "essayer de", PERSON, 0),
    v("decide to", "décider de", PERSON, 0),
    v("forget to", "oublier de", PERSON, 0).irregular("forgot to", ""),
    v("refuse to", "refuser de", PERSON, 0),
    v("begin to", "commencer à", PERSON, 0).irregular("began to", ""),
    v("learn to", "apprendre à", PERSON, 0),
];

/// Weather, said of "it".
pub static WEATHER: &[Verb] = &[v("rain", "pleuvoir", 0, 0), v("snow", "neiger", 0, 0)];

/// "How much does it cost?"
pub static COST: Verb = v("cost", "coûter", OBJECT, 0).irregular("cost", "").state();
/// The copula.
pub static BE: Verb = v("be", "être", 0, 0).irregular("was", "been").state();
/// Ages: "is ten years old", "a dix ans".
pub static AGE: Verb = v("have", "avoir", 0, 0).irregular("had", "").state();
