use super::*;
use crate::codes::eu_languages;

fn shipped() -> Kinds {
    Kinds::load(&Definitions::default()).unwrap_or_else(|errors| {
        let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", all.join("\n"))
    })
}

fn buyer(country: &str, name: &str) -> Organisation {
    Organisation {
        name: Some(name.into()),
        country: (!country.is_empty()).then(|| country.into()),
        ..Organisation::default()
    }
}

/// Country, name of a public body, and the kind that comes first; `-` for none.
const BODIES: &[(&str, &str, &str)] = &[
    // police
    ("DE", "Polizeipräsidium Oberbayern Süd", "police"),
    ("DE", "Landeskriminalamt Baden-Württemberg", "police"),
    ("DE", "Bundeskriminalamt", "police"),
    ("DE", "Behörde für Inneres und Sport, Polizei Hamburg", "police"),
    ("AT", "Landespolizeidirektion Wien", "police"),
    ("CH", "Kantonspolizei Zürich", "police"),
    ("FR", "SGAMI Sud-Ouest", "police"),
    ("FR", "Préfecture de Police de Paris", "police"),
    ("FR", "Direction générale de la gendarmerie nationale", "police"),
    ("BE", "Federale Politie - Police fédérale", "police"),
    ("BE", "Zone de police Bruxelles-Capitale-Ixelles", "police"),
    ("NL", "politie", "police"),
    ("NL", "Koninklijke Marechaussee", "police"),
    ("ES", "Dirección General de la Guardia Civil", "police"),
    ("ES", "Jefatura de la Policía Local de Getafe", "police"),
    ("IT", "Comando Generale dell'Arma dei Carabinieri — Centro Unico Contrattuale", "police"),
    ("IT", "Questura di Roma", "police"),
    ("IT", "COMUNE DI TERNI - Direzione Polizia locale - Mobilità", "police"),
    ("PT", "Guarda Nacional Republicana", "police"),
    ("PT", "Polícia de Segurança Pública", "police"),
    ("PL", "Komenda Główna Policji", "police"),
    ("PL", "KOMENDA WOJEWÓDZKA POLICJI W LUBLINIE", "police"),
    ("PL", "Komendant Stołeczny Policji", "police"),
    ("CZ", "Krajské ředitelství policie Jihomoravského kraje", "police"),
    ("SK", "Prezídium Policajného zboru", "police"),
    ("HU", "Országos Rendőr-főkapitányság", "police"),
    ("HU", "Budapesti Rendőr-főkapitányság", "police"),
    ("RO", "Inspectoratul General al Poliției Române", "police"),
    ("RO", "Inspectoratul de Poliţie Judeţean Cluj", "police"),
    ("RO", "Inspectoratul General al Jandarmeriei Române", "police"),
    ("BG", "Главна дирекция „Национална полиция“", "police"),
    ("GR", "Αρχηγείο Ελληνικής Αστυνομίας", "police"),
    ("CY", "Αστυνομία Κύπρου", "police"),
    ("CY", "Cyprus Police", "police"),
    ("HR", "Policijska uprava zagrebačka", "police"),
    ("SI", "Ministrstvo za notranje zadeve, Policija", "police"),
    ("LT", "Policijos departamentas prie Vidaus reikalų ministerijos", "police"),
    ("LV", "Valsts policija", "police"),
    ("FI", "Poliisihallitus", "police"),
    ("SE", "Polismyndigheten", "police"),
    ("DK", "Rigspolitiet v./Center for Flåde- og Materielstyring", "police"),
    ("NO", "Politiets fellestjenester [The Norwegian Police Shared Services]", "police"),
    ("GB", "Devon & Cornwall Constabulary", "police"),
    ("GB", "Police Service Northern Ireland (PSNI)", "police"),
    ("GB", "Mayor's Office for Policing and Crime", "police"),
    ("IE", "An Garda Síochána", "police"),
    ("MT", "Il-Pulizija ta' Malta", "police"),
    ("UA", "Національна поліція України", "police"),
    ("UA", "Департамент муніципальної поліції Луцької міської ради", "police"),
    ("TR", "Emniyet Genel Müdürlüğü", "police"),
    ("TR", "Jandarma Genel Komutanlığı", "police"),
    ("", "Europol", "police"),
    // border guard, coast guard
    ("PL", "Komenda Główna Straży Granicznej", "border-guard"),
    ("PL", "Podlaski Oddział Straży Granicznej w Białymstoku", "border-guard"),
    ("DE", "Bundespolizei, Beschaffungsamt", "border-guard"),
    ("FI", "Rajavartiolaitos", "border-guard"),
    ("EE", "Politsei- ja Piirivalveamet", "border-guard"),
    ("LV", "Valsts robežsardze", "border-guard"),
    ("LT", "Valstybės sienos apsaugos tarnyba prie VRM", "border-guard"),
    ("RO", "Inspectoratul General al Poliției de Frontieră", "border-guard"),
    ("BG", "Главна дирекция „Гранична полиция“ — МВР", "border-guard"),
    ("UA", "Адміністрація Державної прикордонної служби України", "border-guard"),
    ("PL", "European Border and Coast Guard Agency (Frontex)", "border-guard"),
    ("EE", "eu-LISA", "border-guard"),
    ("GB", "Border Force", "border-guard"),
    ("RO", "Garda de Coastă", "coast-guard"),
    ("IT", "Capitaneria di Porto di Venezia - Guardia costiera", "coast-guard"),
    ("SE", "Kustbevakningen", "coast-guard"),
    ("NO", "Kystvakten", "coast-guard"),
    ("GB", "Maritime and Coastguard Agency", "coast-guard"),
    ("ES", "Sociedad de Salvamento y Seguridad Marítima", "coast-guard"),
    ("TR", "Sahil Güvenlik Komutanlığı", "coast-guard"),
    ("NL", "Kustwacht Nederland", "coast-guard"),
    // customs
    ("DE", "Generalzolldirektion", "customs"),
    ("DE", "Hauptzollamt Hannover", "customs"),
    ("FR", "Direction régionale des douanes de Lyon", "customs"),
    ("IT", "Agenzia delle Dogane e dei Monopoli", "customs"),
    ("IT", "Comando generale della guardia di finanza, ufficio approvvigionamenti", "customs"),
    ("PT", "Autoridade Tributária e Aduaneira", "customs"),
    ("PL", "Izba Administracji Skarbowej w Krakowie", "customs"),
    ("CZ", "Generální ředitelství cel", "customs"),
    ("SK", "Finančné riaditeľstvo Slovenskej republiky, Colný úrad Bratislava", "customs"),
    ("HU", "Nemzeti Adó- és Vámhivatal", "customs"),
    ("RO", "Autoritatea Vamală Română", "customs"),
    ("BG", "Агенция „Митници“", "customs"),
    ("FI", "Tulli", "customs"),
    ("", "Tulli", "customs"),
    ("SE", "Tullverket", "customs"),
    ("NO", "Tolletaten", "customs"),
    ("LT", "Muitinės departamentas prie Finansų ministerijos", "customs"),
    ("GB", "HM Revenue & Customs", "customs"),
    ("HR", "Ministarstvo financija, Carinska uprava", "customs"),
    ("TR", "Gümrükler Genel Müdürlüğü", "customs"),
    ("UA", "Державна митна служба України", "customs"),
    // prison, justice
    ("GB", "Northern Ireland Prison Service", "prison"),
    ("FR", "Centre penitentiaire de Guyane", "prison"),
    ("DE", "Justizvollzugsanstalt Straubing", "prison"),
    ("PL", "Areszt Śledczy w Tarnowskich Górach", "prison"),
    ("PL", "Zakład Karny we Wronkach", "prison"),
    ("SK", "Generálne riaditeľstvo Zboru väzenskej a justičnej stráže", "prison"),
    ("CZ", "Vězeňská služba České republiky", "prison"),
    ("NL", "Dienst Justitiële Inrichtingen", "prison"),
    ("DK", "Direktoratet for Kriminalforsorgen", "prison"),
    ("SE", "Kriminalvården", "prison"),
    ("HU", "Büntetés-végrehajtás Országos Parancsnoksága", "prison"),
    ("RO", "Administrația Națională a Penitenciarelor", "prison"),
    ("IT", "Ministero della Giustizia - Dipartimento dell'Amministrazione Penitenziaria", "prison"),
    ("IE", "Irish Prison Service", "prison"),
    ("EE", "Tallinna Vangla", "prison"),
    ("PL", "Sąd Rejonowy w Puławach", "justice"),
    ("BE", "FOD Justitie", "justice"),
    ("GB", "Crown Prosecution Service", "justice"),
    ("DE", "Oberlandesgericht Köln", "justice"),
    ("FR", "Ministère de la Justice", "justice"),
    ("BE", "Nationaal Instituut voor Criminalistiek en Criminologie", "justice"),
    // fire and rescue, civil protection, emergency medicine
    ("FR", "Service départemental d'incendie et de secours du Gard", "fire-and-rescue"),
    ("FR", "SDIS 64", "fire-and-rescue"),
    ("CH", "Service d'incendie et de secours de la Ville de Genève (SIS)", "fire-and-rescue"),
    ("DE", "Freiwillige Feuerwehr der Stadt Burghausen", "fire-and-rescue"),
    ("DE", "Berliner Feuerwehr", "fire-and-rescue"),
    ("PL", "Komenda Wojewódzka Państwowej Straży Pożarnej w Rzeszowie", "fire-and-rescue"),
    ("PL", "Ochotnicza Straz Pożarna w Jordanowie", "fire-and-rescue"),
    ("CZ", "Hasičský záchranný sbor Jihomoravského kraje", "fire-and-rescue"),
    ("SI", "PROSTOVOLJNO GASILSKO DRUŠTVO SEDRAŽ", "fire-and-rescue"),
    ("HR", "Javna vatrogasna postrojba Grada Zagreba", "fire-and-rescue"),
    ("EE", "Päästeamet", "fire-and-rescue"),
    ("LV", "Valsts ugunsdzēsības un glābšanas dienests", "fire-and-rescue"),
    ("NO", "Asker og Bærum Brann og Redning IKS", "fire-and-rescue"),
    ("SE", "Räddningstjänsten Storgöteborg", "fire-and-rescue"),
    ("FI", "Helsingin kaupungin pelastuslaitos", "fire-and-rescue"),
    ("GB", "Mid & West Wales Fire & Rescue", "fire-and-rescue"),
    ("ES", "Consorcio Provincial de Pontevedra contra incendios e salvamento", "fire-and-rescue"),
    ("NL", "Veiligheidsregio Utrecht", "fire-and-rescue"),
    ("IT", "Comando Provinciale Vigili del Fuoco di Torino", "fire-and-rescue"),
    ("PT", "Associação Humanitária dos Bombeiros Voluntários de Sintra", "fire-and-rescue"),
    ("RO", "Inspectoratul General pentru Situații de Urgență", "fire-and-rescue"),
    ("DE", "Bundesanstalt Technisches Hilfswerk", "civil-protection"),
    ("DE", "THW", "civil-protection"),
    ("PT", "Autoridade Nacional de Emergência e Proteção Civil (ANEPC)", "civil-protection"),
    ("IT", "Presidenza del Consiglio dei ministri – Dipartimento della Protezione Civile", "civil-protection"),
    ("NO", "Direktoratet for samfunnssikkerhet og beredskap (DSB)", "civil-protection"),
    ("PL", "Rządowa Agencja Rezerw Strategicznych", "civil-protection"),
    ("SE", "Myndigheten för samhällsskydd och beredskap", "civil-protection"),
    ("LV", "Neatliekamās medicīniskās palīdzības dienests", "emergency-medical"),
    ("PL", "Krakowskie Pogotowie Ratunkowe", "emergency-medical"),
    ("GB", "London Ambulance Service NHS Trust", "emergency-medical"),
    ("DE", "Zweckverband für Rettungsdienst Rosenheim", "emergency-medical"),
    // interior, defence, intelligence, migration, cyber
    ("GB", "Home Office", "interior-ministry"),
    ("RO", "Ministerul Afacerilor Interne", "interior-ministry"),
    ("HR", "MINISTARSTVO UNUTARNJIH POSLOVA", "interior-ministry"),
    ("AT", "Bundesministerium für Inneres", "interior-ministry"),
    ("CZ", "Česká republika – Ministerstvo vnitra", "interior-ministry"),
    ("EE", "Siseministeeriumi infotehnoloogia- ja arenduskeskus", "interior-ministry"),
    ("BG", "Дирекция Управление на собствеността — Министерство на вътрешните работи", "interior-ministry"),
    ("ES", "Ministerio del Interior, Secretaría de Estado de Seguridad", "interior-ministry"),
    ("FR", "Ministère de l’Intérieur", "interior-ministry"),
    ("SI", "MINISTRSTVO ZA OBRAMBO", "defence"),
    ("DE", "Bundesamt für Ausrüstung, Informationstechnik und Nutzung der Bundeswehr", "defence"),
    ("CH", "armasuisse Einkauf und Kooperationen", "defence"),
    ("FR", "Minarm/DGA/DO/S2A", "defence"),
    ("PL", "32 Wojskowy Oddział Gospodarczy w Zamościu", "defence"),
    ("PL", "Jednostka Wojskowa nr 6021", "defence"),
    ("RO", "MINISTERUL APARARII NATIONALE - UNITATEA MILITARA 02494", "defence"),
    ("NO", "Forsvarsmateriell", "defence"),
    ("SE", "FMV - Försvarets Materielverk", "defence"),
    ("FI", "Puolustusvoimien logistiikkalaitos", "defence"),
    ("HU", "Magyar Honvédség Anyagellátó Raktárbázis", "defence"),
    ("LV", "NBS Militārā policija", "defence"),
    ("GB", "Ministry of Defence, Weapons, Team Complex Weapons", "defence"),
    ("BG", "Министерство на отбраната", "defence"),
    ("UA", "Військова частина А0281", "defence"),
    ("ES", "Sección de Asuntos Económicos, Mando de Apoyo Logístico del Ejército", "defence"),
    ("NO", "Politiets sikkerhetstjeneste (PST)", "intelligence"),
    ("FI", "Suojelupoliisi", "intelligence"),
    ("LT", "Lietuvos Respublikos valstybės saugumo departamentas", "intelligence"),
    ("UA", "Служба безпеки України", "intelligence"),
    ("SE", "Migrationsverket", "migration"),
    ("LV", "LR IeM Pilsonības un migrācijas lietu pārvalde", "migration"),
    ("MT", "European Union Agency for Asylum (EUAA)", "migration"),
    ("DE", "Bundesamt für Sicherheit in der Informationstechnik", "cyber-security"),
    // purchasing, towns, regions, the Union
    ("IE", "The Office of Government Procurement", "central-purchasing-body"),
    ("FR", "UGAP", "central-purchasing-body"),
    ("IT", "Consip S.p.A.", "central-purchasing-body"),
    ("FI", "Hansel Oy", "central-purchasing-body"),
    ("DE", "Stadt Ulm", "municipality"),
    ("NO", "Ås kommune", "municipality"),
    ("ES", "Ajuntament d'Olot", "municipality"),
    ("PL", "Gmina Glinojeck", "municipality"),
    ("IT", "COMUNE DI COSTA DI MEZZATE", "municipality"),
    ("FI", "Sastamalan kaupunki", "municipality"),
    ("LT", "Joniškio rajono savivaldybės administracija (288712070)", "municipality"),
    ("GB", "Oxford City Council", "municipality"),
    ("FR", "Ville d'Hazebrouck (59)", "municipality"),
    ("GR", "Δήμος Πάφου", "municipality"),
    ("NO", "Vestland fylkeskommune", "region"),
    ("IT", "Regione Lazio", "region"),
    ("DE", "Landkreis Darmstadt-Dieburg", "region"),
    ("ES", "Diputación Provincial de Badajoz", "region"),
    ("LU", "European Investment Bank", "eu-agency"),
    ("BE", "European Commission, DG HERA", "eu-agency"),
    ("DE", "ESA/ESOC", "international-organisation"),
    ("LU", "NATO Support and Procurement Agency (NSPA)", "defence"),
    ("DE", "Zentrale Vergabestelle des Bezirks Oberbayern", "region"),
    ("NO", "Bergen kommune - Innkjøp konsern", "municipality"),
    ("DE", "Gemeinde Osternienburger Land", "municipality"),
    ("GB", "Welsh Government", "region"),
    ("BE", "Committee of the Regions", "eu-agency"),
    ("PL", "Centralny Szpital Kliniczny MSWiA w Warszawie", "-"),
    ("PL", "Telewizja Polska S.A., wpisana do Rejestru Przedsiębiorców, Sąd Rejonowy", "-"),
    ("ES", "Consejería de Presidencia, Justicia e Interior", "region"),
    // none
    ("DE", "Zollernalb Klinikum gGmbH", "-"),
    ("DE", "Stiftung Zollverein", "-"),
    ("FR", "École polytechnique", "-"),
    ("FR", "Courtier en polices d'assurance Martin", "-"),
    ("PL", "Politechnika Warszawska", "-"),
    ("PL", "Krakowska Medyczna Szkoła Policealna", "-"),
    ("IT", "IRCCS Policlinico Ospedale San Martino", "-"),
    ("IT", "Ufficio SERVIZI CIMITERIALI E POLIZIA MORTUARIA", "-"),
    ("GB", "Fireplace Centre Ltd", "-"),
    ("GB", "Earls Court Trading Ltd", "-"),
    ("GB", "Sheffield Teaching Hospitals NHS Foundation Trust", "-"),
    ("RO", "Universitatea Politehnica București", "-"),
    ("DK", "Socialpolitisk Forening", "-"),
    ("DE", "Technische Universität München", "-"),
    ("LT", "LITGRID, AB", "-"),
    ("DE", "Deutsche Forschungsgemeinschaft", "-"),
    ("NO", "AS Vinmonopolet", "-"),
    ("GB", "The Alan Turing Institute for Artificial Intelligence", "-"),
    ("PT", "Instituto Politécnico de Leiria", "-"),
    ("ES", "Universitat Pompeu Fabra", "-"),
];

#[test]
fn public_bodies_have_their_kind() {
    assert!(BODIES.len() >= 150, "{}", BODIES.len());
    let kinds = shipped();
    let mut wrong = Vec::new();
    for (country, name, expected) in BODIES {
        let found = kinds.of(&buyer(country, name));
        let first = found.first().map_or("-", |found| found.kind.as_str());
        if first != *expected {
            let why: Vec<&str> =
                found.iter().flat_map(|found| &found.evidence).map(|evidence| evidence.rule.as_str()).collect();
            wrong.push(format!("{country} {name}: {first}, expected {expected} {why:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), BODIES.len(), wrong.join("\n"));
}

#[test]
fn the_name_comes_before_codes_and_the_specific_before_the_general() {
    let kinds = shipped();
    let ids = |organisation: &Organisation| -> Vec<String> {
        kinds.of(organisation).iter().map(|found| found.kind.to_string()).collect()
    };
    let mut town = buyer("LV", "Salaspils novada dome");
    town.activity = Some("defence".into());
    assert_eq!(ids(&town), ["municipality", "defence"]);
    let fire = buyer("DE", "Stadt Burghausen, Freiwillige Feuerwehr");
    assert_eq!(ids(&fire), ["fire-and-rescue", "municipality"]);
    let mut unknown = buyer("DE", "GLOBAL SSR FOUNDATION");
    assert!(ids(&unknown).is_empty());
    unknown.activity = Some("pub-os".into());
    assert_eq!(ids(&unknown), ["other-security"]);
    unknown.activity = Some("GF0302".into());
    assert_eq!(ids(&unknown), ["fire-and-rescue", "other-security"]);
}

#[test]
fn evidence_is_the_rule_and_the_words() {
    let found = shipped().of(&buyer("PL", "KOMENDA GŁÓWNA POLICJI w Warszawie"));
    let best = &found[0].evidence[0];
    assert_eq!(
        (best.rule.as_str(), best.text.as_str()),
        ("body:police/PL/komenda glowna policji", "KOMENDA GŁÓWNA POLICJI")
    );
    assert_eq!(found[0].points, 65);
}

#[test]
fn a_language_is_read_where_it_is_spoken() {
    let kinds = shipped();
    // Estonian for customs, English for a charge.
    assert!(kinds.of(&buyer("GB", "Toll Collectors Association")).is_empty());
    // Names in other languages count too, in their own one.
    let mut foreign = buyer("JP", "警察庁");
    assert!(kinds.of(&foreign).is_empty());
    foreign.names.push("de", "Landespolizei");
    assert_eq!(kinds.of(&foreign)[0].kind.as_str(), "police");
}

#[test]
fn the_forces_are_known_in_every_language() {
    let kinds = shipped();
    for id in [
        "police",
        "customs",
        "prison",
        "fire-and-rescue",
        "civil-protection",
        "defence",
        "interior-ministry",
        "municipality",
        "border-guard",
        "coast-guard",
        "justice",
        "emergency-medical",
        "region",
        "central-purchasing-body",
    ] {
        let kind = kinds.kind(id).unwrap_or_else(|| panic!("{id}"));
        for language in eu_languages().iter().map(String::as_str).chain(["no", "uk", "tr"]) {
            let known = kind.terms.iter().any(|term| term.place == language && term.weight == Weight::Strong);
            // These have no such word in Irish or Norwegian that a buyer uses.
            assert!(known || [("civil-protection", "no")].contains(&(id, language)), "{id} {language}");
        }
    }
    assert!(kinds.kinds().len() >= 18);
}
