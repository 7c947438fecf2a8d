//! Nouns with gender and kind.

use super::*;

const fn m(english: &'static str, french: &'static str, kind: Kind) -> Noun {
    Noun {
        english,
        french,
        feminine: false,
        kind,
    }
}

const fn f(english: &'static str, french: &'static str, kind: Kind) -> Noun {
    Noun {
        english,
        french,
        feminine: true,
        kind,
    }
}

const IN: Kind = BUILDING | INSIDE | GOAL;

/// All nouns. Professions have the gender that French grammar or the table gives them.
#[rustfmt::skip]
pub static NOUNS: &[Noun] = &[
    // People
    m("man", "homme", PERSON), f("woman", "femme", PERSON), m("boy", "garçon", PERSON), f("girl", "fille", PERSON),
    m("child", "enfant", PERSON), m("teacher", "professeur", PERSON), m("student", "étudiant", PERSON),
    m("doctor", "médecin", PERSON), f("nurse", "infirmière", PERSON), m("lawyer", "avocat", PERSON),
    m("engineer", "ingénieur", PERSON), m("baker", "boulanger", PERSON), m("butcher", "boucher", PERSON),
    m("farmer", "fermier", PERSON), m("driver", "chauffeur", PERSON), f("singer", "chanteuse", PERSON),
    m("actor", "acteur", PERSON), f("actress", "actrice", PERSON), m("writer", "écrivain", PERSON),
    m("painter", "peintre", PERSON), m("journalist", "journaliste", PERSON), m("neighbor", "voisin", PERSON),
    m("friend", "ami", PERSON), m("king", "roi", PERSON), f("queen", "reine", PERSON), m("prince", "prince", PERSON),
    f("princess", "princesse", PERSON), m("policeman", "policier", PERSON), m("soldier", "soldat", PERSON),
    m("waiter", "serveur", PERSON), f("waitress", "serveuse", PERSON), m("cook", "cuisinier", PERSON),
    m("gardener", "jardinier", PERSON), m("musician", "musicien", PERSON), f("dancer", "danseuse", PERSON),
    m("tourist", "touriste", PERSON), m("guest", "invité", PERSON), m("colleague", "collègue", PERSON),
    m("hero", "héros", PERSON), m("customer", "client", PERSON), m("worker", "ouvrier", PERSON),
    f("secretary", "secrétaire", PERSON),
    m("brother", "frère", PERSON | RELATIVE), f("sister", "sœur", PERSON | RELATIVE),
    f("mother", "mère", PERSON | RELATIVE), m("father", "père", PERSON | RELATIVE),
    f("grandmother", "grand-mère", PERSON | RELATIVE), m("grandfather", "grand-père", PERSON | RELATIVE),
    f("aunt", "tante", PERSON | RELATIVE), m("uncle", "oncle", PERSON | RELATIVE),
    m("cousin", "cousin", PERSON | RELATIVE),
    // Animals
    m("cat", "chat", ANIMAL), m("dog", "chien", ANIMAL), m("horse", "cheval", ANIMAL), f("cow", "vache", ANIMAL),
    m("bird", "oiseau", ANIMAL), f("mouse", "souris", ANIMAL), m("rabbit", "lapin", ANIMAL), f("hen", "poule", ANIMAL),
    m("duck", "canard", ANIMAL), f("goat", "chèvre", ANIMAL), m("pig", "cochon", ANIMAL), m("bear", "ours", ANIMAL),
    m("wolf", "loup", ANIMAL), m("fox", "renard", ANIMAL), m("owl", "hibou", ANIMAL), m("donkey", "âne", ANIMAL),
    f("turtle", "tortue", ANIMAL), m("monkey", "singe", ANIMAL), m("elephant", "éléphant", ANIMAL),
    m("squirrel", "écureuil", ANIMAL), m("snake", "serpent", ANIMAL), m("lion", "lion", ANIMAL),
    // Vehicles
    f("car", "voiture", VEHICLE), m("train", "train", VEHICLE), m("plane", "avion", VEHICLE), m("bus", "autobus", VEHICLE),
    m("boat", "bateau", VEHICLE), m("truck", "camion", VEHICLE), m("taxi", "taxi", VEHICLE),
    f("motorcycle", "moto", VEHICLE),
    // To read, to hear, to look at
    m("book", "livre", TEXT), f("letter", "lettre", TEXT), m("newspaper", "journal", TEXT), m("article", "article", TEXT),
    m("poem", "poème", TEXT), f("story", "histoire", TEXT), m("report", "rapport", TEXT), m("novel", "roman", TEXT),
    f("song", "chanson", SONG), f("symphony", "symphonie", SONG), m("painting", "tableau", PICTURE),
    f("photo", "photo", PICTURE), f("map", "carte", PICTURE),
    m("piano", "piano", INSTRUMENT), f("guitar", "guitare", INSTRUMENT), m("violin", "violon", INSTRUMENT),
    f("flute", "flûte", INSTRUMENT),
    // Things
    f("key", "clé", THING), f("lamp", "lampe", THING), m("mirror", "miroir", THING), f("clock", "horloge", THING),
    f("watch", "montre", THING), m("bag", "sac", THING | OPENABLE), f("box", "boîte", THING | OPENABLE),
    f("bottle", "bouteille", THING | OPENABLE), f("suitcase", "valise", THING | OPENABLE), m("glass", "verre", THING),
    f("plate", "assiette", THING), f("cup", "tasse", THING), m("knife", "couteau", THING), f("fork", "fourchette", THING),
    f("spoon", "cuillère", THING), m("pencil", "crayon", THING), m("pen", "stylo", THING),
    m("umbrella", "parapluie", THING), m("phone", "téléphone", THING), m("computer", "ordinateur", THING),
    m("ball", "ballon", THING), m("toy", "jouet", THING), m("gift", "cadeau", THING), m("ticket", "billet", THING),
    f("ring", "bague", THING), m("jewel", "bijou", THING), f("candle", "bougie", THING),
    f("blanket", "couverture", THING), m("pillow", "oreiller", THING), m("tool", "outil", THING),
    m("hammer", "marteau", THING), f("ladder", "échelle", THING), m("basket", "panier", THING),
    m("bicycle", "vélo", THING), m("vase", "vase", THING), m("mattress", "matelas", THING),
    f("table", "table", SURFACE), f("chair", "chaise", SURFACE), m("bed", "lit", SURFACE),
    m("armchair", "fauteuil", SURFACE), f("shelf", "étagère", SURFACE), m("carpet", "tapis", SURFACE),
    m("bench", "banc", SURFACE),
    // Clothes
    f("shirt", "chemise", CLOTHING), f("dress", "robe", CLOTHING), m("coat", "manteau", CLOTHING),
    m("hat", "chapeau", CLOTHING), f("skirt", "jupe", CLOTHING), f("shoe", "chaussure", CLOTHING),
    m("glove", "gant", CLOTHING), f("scarf", "écharpe", CLOTHING), f("jacket", "veste", CLOTHING),
    f("sock", "chaussette", CLOTHING), f("boot", "botte", CLOTHING), f("tie", "cravate", CLOTHING),
    // Food and drink
    f("apple", "pomme", FOOD), f("orange", "orange", FOOD), f("pear", "poire", FOOD), m("cake", "gâteau", FOOD),
    m("egg", "œuf", FOOD), f("tomato", "tomate", FOOD), f("carrot", "carotte", FOOD), f("strawberry", "fraise", FOOD),
    m("sandwich", "sandwich", FOOD), m("cookie", "biscuit", FOOD),
    m("bread", "pain", FOOD | MASS), m("cheese", "fromage", FOOD | MASS), m("rice", "riz", FOOD | MASS),
    m("butter", "beurre", FOOD | MASS), f("meat", "viande", FOOD | MASS), f("soup", "soupe", FOOD | MASS),
    m("chocolate", "chocolat", FOOD | MASS), f("salad", "salade", FOOD | MASS), f("jam", "confiture", FOOD | MASS),
    f("water", "eau", DRINK | MASS), m("coffee", "café", DRINK | MASS), m("tea", "thé", DRINK | MASS),
    m("milk", "lait", DRINK | MASS), m("wine", "vin", DRINK | MASS), f("beer", "bière", DRINK | MASS),
    m("juice", "jus", DRINK | MASS),
    // Buildings
    f("house", "maison", IN), m("apartment", "appartement", BUILDING | INSIDE), f("school", "école", IN),
    f("church", "église", IN), m("hospital", "hôpital", IN), f("station", "gare", IN), m("hotel", "hôtel", IN),
    m("restaurant", "restaurant", IN), m("shop", "magasin", IN), f("library", "bibliothèque", IN),
    m("museum", "musée", IN), f("bank", "banque", IN), m("office", "bureau", IN), f("factory", "usine", IN),
    m("castle", "château", IN), m("theater", "théâtre", IN), f("kitchen", "cuisine", BUILDING | INSIDE),
    f("bedroom", "chambre", BUILDING | INSIDE), m("garage", "garage", BUILDING | INSIDE),
    m("airport", "aéroport", IN), f("pharmacy", "pharmacie", IN), f("bakery", "boulangerie", IN),
    f("tower", "tour", BUILDING | INSIDE), f("farm", "ferme", BUILDING | GOAL),
    // Outside
    m("garden", "jardin", AREA | INSIDE), m("park", "parc", AREA | INSIDE | GOAL), f("forest", "forêt", AREA | INSIDE),
    f("city", "ville", AREA | INSIDE), m("village", "village", AREA | INSIDE | GOAL), f("street", "rue", AREA | INSIDE),
    m("bridge", "pont", AREA), f("beach", "plage", AREA | GOAL), f("mountain", "montagne", AREA | GOAL),
    f("river", "rivière", AREA | GOAL), m("lake", "lac", AREA | GOAL), m("field", "champ", AREA | INSIDE),
    m("market", "marché", AREA | GOAL), f("square", "place", AREA), f("island", "île", AREA), m("harbor", "port", AREA | GOAL),
    m("tree", "arbre", PLANT), f("flower", "fleur", THING),
    f("door", "porte", PART | OPENABLE), f("window", "fenêtre", PART | OPENABLE), m("roof", "toit", PART),
    m("wall", "mur", PART),
    // In the mind
    f("idea", "idée", ABSTRACT), m("problem", "problème", ABSTRACT), f("question", "question", ABSTRACT),
    f("answer", "réponse", ABSTRACT), m("project", "projet", ABSTRACT), m("dream", "rêve", ABSTRACT),
    m("secret", "secret", ABSTRACT), f("lesson", "leçon", ABSTRACT), m("exam", "examen", ABSTRACT),
    m("word", "mot", ABSTRACT),
];
