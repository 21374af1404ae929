"""The regions of the sample that write Latin letters, plain and accented."""

from app.service.sample.regions import Region


def latin() -> tuple[Region, ...]:
    """Read the tables; a function, so that nothing is read before a sample is asked for."""
    return (
        Region.read(
            8,
            """
            place: Springfield, IL, 62701, US, 217-555-01{:02}
            place: Rockford, IL, 61101, US, 815-555-01{:02}
            place: Tacoma, WA, 98402, US, 253-555-01{:02}
            place: Memphis, TN, 38103, US, 901-555-01{:02}
            place: Laredo, TX, 78040, US, 956-555-01{:02}
            place: Savannah, GA, 31401, US, 912-555-01{:02}
            place: Reno, NV, 89501, US, 775-555-01{:02}
            place: Columbus, OH, 43215, US, 614-555-01{:02}
            place: Newark, NJ, 07102, US, 973-555-01{:02}
            place: Duluth, MN, 55802, US, 218-555-01{:02}
            place: Mobile, AL, 36602, US, 251-555-01{:02}
            place: Louisville, KY, 40202, US, 502-555-01{:02}
            stems: HARBOR=Harbor | CASCADE=Cascade | PIONEER=Pioneer | BLUESTEM=Bluestem | IRONWOOD=Ironwood
            stems: LAKESHORE=Lakeshore | REDTAIL=Redtail | SUMMIT=Summit | OLDMILL=Old Mill | KEYSTONE=Keystone
            stems: PRAIRIE=Prairie | TIDEWATER=Tidewater | CANYON=Canyon | MAGNOLIA=Magnolia
            stems: NORTHSTAR=North Star
            trades: TOOL=Tool & Die Co. | FOODS=Foods Inc. | COLD=Cold Storage LLC | PAPER=Paper Products
            trades: HDWE=Hardware Supply | PKG=Packaging Corp. | AUTO=Auto Parts | TEX=Textiles Inc.
            trades: FURN=Furniture Makers | MED=Medical Supply LLC | ELEC=Electric
            company: {stem} {trade}
            streets: Industrial Way | Factory Rd | Dock St | Commerce Blvd | Railroad Ave | Terminal Dr
            streets: Warehouse Ln | Mill St
            street_line: {number} {street}
            second_line: Suite {number}
            given: Jane | Tom | Maria | DeShawn | Priya | Walter | Aisha | Carlos | Beth | Kwame | Linda | Hiro
            family: Smith | Briggs | Alvarez | Johnson | Patel | Kowalski | Nguyen | O'Brien | Washington
            family: Larsen | Tanaka
            person: {given} {family}
            """,
        ),
        Region.read(
            2,
            """
            place: Montréal, QC, H2Y 1C6, CA, 514-555-01{:02}
            place: Québec, QC, G1R 4S9, CA, 418-555-01{:02}
            place: Toronto, ON, M5H 2N2, CA, 416-555-01{:02}
            place: Vancouver, BC, V5Y 1V4, CA, 604-555-01{:02}
            place: Halifax, NS, B3J 3A5, CA, 902-555-01{:02}
            place: Winnipeg, MB, R3B 1B9, CA, 204-555-01{:02}
            stems: BOREAL=Boréal | ERABLE=L'Érable | STLAURENT=Saint-Laurent | CHINOOK=Chinook | NORDET=Nordet
            stems: LAURIER=Laurier
            trades: BOIS=Bois d'œuvre inc. | PECH=Pêcheries ltée | GRAIN=Grain Terminals Ltd.
            trades: EQUIP=Équipements inc. | SUPPLY=Supply Co.
            company: {stem} {trade}
            streets: rue de la Commune | chemin du Port | Water Street | boulevard Champlain | Portage Avenue
            street_line: {number}, {street}
            second_line: Bureau {number}
            given: Chloé | Étienne | Noah | Geneviève | Sarah | Loïc
            family: Tremblay | Gagné | MacDonald | Bélanger | Singh | Côté
            person: {given} {family}
            """,
        ),
        Region.read(
            3,
            """
            place: London, Greater London, E16 1ZE, GB, 020 7946 00{:02}
            place: Manchester, Greater Manchester, M2 5DB, GB, 0161 496 00{:02}
            place: Birmingham, West Midlands, B1 1BB, GB, 0121 496 00{:02}
            place: Leeds, West Yorkshire, LS1 1UR, GB, 0113 496 00{:02}
            place: Sheffield, South Yorkshire, S1 2HH, GB, 0114 496 00{:02}
            place: Edinburgh, Scotland, EH1 1YJ, GB, 0131 496 00{:02}
            place: Belfast, Northern Ireland, BT1 5GS, GB, 028 9649 60{:02}
            stems: PENNINE=Pennine | ALBION=Albion | HARROGATE=Harrogate | ROSEWELL=Rosewell | TYNESIDE=Tyneside
            stems: GREYSTOKE=Greystoke | BRINDLEY=Brindley
            trades: TEA=Tea Importers Ltd | STEEL=Steelworks plc | BISC=Biscuits [UK] Ltd | YARN=Yarns & Sons
            trades: BIKE=Bicycle Works Ltd | CHEM=Chemicals (Holdings) Ltd
            company: {stem} {trade}
            streets: Quayside | Canal Street | Victoria Wharf | Mill Lane | Foundry Road
            street_line: {number} {street}
            second_line: Unit {number}
            given: Oliver | Amelia | Rhys | Siobhán | Imran | Fiona | Ewan
            family: Hartley | Ashworth | McGregor | Okafor | Llewellyn | Begum | Whittaker
            person: {given} {family}
            """,
        ),
        Region.read(
            3,
            """
            place: Berlin, BE, 10178, DE, 030 23125 0{:02}
            place: Hamburg, HH, 20095, DE, 040 66969 0{:02}
            place: Köln, NW, 50667, DE, 0221 4710 0{:02}
            place: München, BY, 80331, DE, 089 99998 0{:02}
            place: Frankfurt am Main, HE, 60311, DE, 069 90009 0{:02}
            stems: MUELLER=Müller | GROSS=Groß | JAEGER=Jäger | HANSA=Hansa | SCHAEFER=Schäfer | OEKOHOF=Ökohof
            stems: WEISS=Weiß
            trades: SOEHNE=& Söhne GmbH | LOGI=Logistik AG | MASCH=Maschinenbau GmbH & Co. KG
            trades: GETR=Getränke GmbH | BUERO=Bürobedarf e. K. | TECH=Technik GmbH
            company: {stem} {trade}
            streets: Hafenstraße | Am Güterbahnhof | Industriestraße | Speicherweg | Mühlenallee
            street_line: {street} {number}
            second_line: Halle {number}
            given: Jürgen | Anke | Björn | Ulrike | Mehmet | Sabine
            family: Schröder | Vogel | Yılmaz | Krüger | Weber | Köhler
            person: {given} {family}
            """,
        ),
        Region.read(
            2,
            """
            place: Paris, Île-de-France, 75001, FR, 01 99 00 00 {:02}
            place: Rennes, Bretagne, 35000, FR, 02 61 91 00 {:02}
            place: Strasbourg, Grand Est, 67000, FR, 03 53 01 00 {:02}
            place: Lyon, Auvergne-Rhône-Alpes, 69002, FR, 04 65 71 00 {:02}
            place: Bordeaux, Nouvelle-Aquitaine, 33000, FR, 05 36 49 00 {:02}
            stems: LEFEVRE=Lefèvre | CHATEAU=Château-Neuf | ARMOR=Armor | GARONNE=Garonne | ETOILE=L'Étoile
            trades: VINS=Vins & Spiritueux SARL | FILS=et Fils | TRANSIT=Transit SAS | CERAM=Céramiques SA
            trades: EPIC=Épicerie fine SARL
            company: {stem} {trade}
            streets: quai des Entrepôts | rue du Fret | avenue de la Gare | impasse des Forges
            street_line: {number} {street}
            second_line: Bâtiment {number}
            given: Hélène | François | Zoé | Rémi | Fatou
            family: Dupré | Lemaître | Diallo | Noël | Garnier
            person: {given} {family}
            """,
        ),
        Region.read(
            2,
            """
            place: Stockholm, Stockholms län, 111 22, SE, 08-465 004 {:02}
            place: Göteborg, Västra Götalands län, 411 03, SE, 031-390 06 {:02}
            place: Malmö, Skåne län, 211 20, SE, 040-628 04 {:02}
            stems: NORDSJO=Nordsjö | ASENS=Åsens | VASTER=Väster | BJORK=Björk | SKARGARD=Skärgård
            trades: TRA=Trävaror AB | FISK=Fisk AB | GLAS=Glasbruk AB | LAGER=Lagerhus AB
            company: {stem} {trade}
            streets: Hamngatan | Packhusgränd | Järnvägsgatan | Magasinsvägen
            street_line: {street} {number}
            second_line: Port {number}
            given: Åsa | Göran | Linnéa | Björn | Samira
            family: Öberg | Lindström | Sjögren | Åkesson | Haddad
            person: {given} {family}
            """,
        ),
        Region.read(
            2,
            """
            place: Gdańsk, pomorskie, 80-831, PL, 58 000 01 {:02}
            place: Kraków, małopolskie, 31-004, PL, 12 000 01 {:02}
            place: Wrocław, dolnośląskie, 50-106, PL, 71 000 01 {:02}
            place: Łódź, łódzkie, 90-926, PL, 42 000 01 {:02}
            stems: BALTYK=Bałtyk | WISLA=Wisła | ZUBR=Żubr | SLASK=Śląsk | ORZEL=Orzeł
            trades: MEBLE=Meble sp. z o.o. | NARZ=Narzędzia S.A. | PRZETW=Przetwórnia Owoców | SZKLO=Szkło sp. j.
            company: {stem} {trade}
            streets: ul. Portowa | ul. Składowa | ul. Kolejowa | al. Przemysłowa
            street_line: {street} {number}
            second_line: hala {number}
            given: Małgorzata | Łukasz | Grażyna | Paweł | Oksana
            family: Wiśniewska | Dąbrowski | Zając | Wójcik | Król
            person: {given} {family}
            """,
        ),
        Region.read(
            3,
            """
            place: São Paulo, SP, 01310-100, BR, (11) 0000-01{:02}
            place: Curitiba, PR, 80010-000, BR, (41) 0000-01{:02}
            place: Belém, PA, 66010-000, BR, (91) 0000-01{:02}
            place: Monterrey, NL, 64000, MX, 81 0000 01{:02}
            place: Querétaro, QT, 76000, MX, 442 000 01{:02}
            place: Guadalajara, JA, 44100, MX, 33 0000 01{:02}
            stems: AMAZONIA=Amazônia | AGUILA=El Águila | NINO=Niño | CORACAO=Coração | SIERRA=Sierra Alta
            stems: JANGADA=Jangada
            trades: CAFE=Café S.A. | EXPORT=Exportações Ltda. | ACERO=Aceros S.A. de C.V. | CALC=Calçados Ltda.
            trades: ALM=Almacenes S. de R.L.
            company: {stem} {trade}
            streets: Av. das Nações | Calle del Almacén | Rua do Porto | Av. Ferrocarril | Rua São João
            street_line: {street} {number}
            second_line: Bodega {number}
            given: João | Íñigo | Conceição | Lucía | Ângela | Raúl
            family: Gonçalves | Núñez | Araújo | Peña | Magalhães | Ibáñez
            person: {given} {family}
            """,
        ),
        Region.read(
            2,
            """
            place: Sydney, NSW, 2000, AU, (02) 5550 01{:02}
            place: Melbourne, VIC, 3000, AU, (03) 5550 01{:02}
            place: Brisbane, QLD, 4000, AU, (07) 5550 01{:02}
            place: Fremantle, WA, 6160, AU, (08) 5550 01{:02}
            stems: WATTLE=Wattle | BANKSIA=Banksia | COOLIBAH=Coolibah | GALAH=Galah | REDGUM=Red Gum
            trades: WOOL=Wool Traders Pty Ltd | MINE=Mining Services | SURF=Surf Goods Pty Ltd
            trades: GRAINS=Grains Co-op
            company: {stem} {trade}
            streets: Wharf Road | Stockyard Street | Gantry Parade | Silo Lane
            street_line: {number} {street}
            second_line: Shed {number}
            given: Lachlan | Matilda | Dimitri | Kylie | Anh
            family: Campbell | Papadopoulos | Tran | Fitzgerald | Rossi
            person: {given} {family}
            """,
        ),
    )
