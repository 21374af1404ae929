"""The regions of the sample that write other scripts: wide, combining and right to left."""

from app.service.sample.regions import Region


def scripts() -> tuple[Region, ...]:
    """Read the tables; a function, so that nothing is read before a sample is asked for."""
    return (
        Region.read(
            3,
            """
            place: 横浜市, 神奈川県, 231-0005, JP, 045-000-01{:02}
            place: 大阪市, 大阪府, 530-0001, JP, 06-0000-01{:02}
            place: 札幌市, 北海道, 060-0001, JP, 011-000-01{:02}
            place: 福岡市, 福岡県, 810-0001, JP, 092-000-01{:02}
            stems: HOKUTO=北斗 | MINATO=みなと | FUJIMI=富士見 | SAKURA=サクラ | YAMATO-K=大和 | TSUBAME=ツバメ
            trades: SHOJI=商事株式会社 | SEIKI=精機株式会社 | SHOKUHIN=食品株式会社 | SOKO=倉庫株式会社 | KOGYO=工業(株)
            company: {stem}{trade}
            streets: 海岸通 | 中央 | 本町 | 港南 | 駅前通
            street_line: {street}{number}番地
            second_line: 第{number}倉庫
            given: 太郎 | さくら | 健一 | 美咲 | 直樹
            family: 佐藤 | 鈴木 | 髙橋 | 渡邊 | 小林
            person: {family} {given}
            """,
        ),
        Region.read(
            3,
            """
            place: 深圳市, 广东省, 518000, CN, 0755-0000 01{:02}
            place: 宁波市, 浙江省, 315000, CN, 0574-0000 01{:02}
            place: 青岛市, 山东省, 266000, CN, 0532-0000 01{:02}
            place: 广州市, 广东省, 510000, CN, 020-0000 01{:02}
            stems: HUAFENG=华丰 | DONGHAI=东海 | JINQIAO=金桥 | CHANGCHENG=长城 | BAIYUN=白云
            trades: MAOYI=贸易有限公司 | DIANZI=电子有限公司 | FANGZHI=纺织有限公司 | WULIU=物流有限公司
            company: {stem}{trade}
            streets: 港口路 | 仓储大道 | 工业园路 | 人民路
            street_line: {street}{number}号
            second_line: {number}号仓库
            given: 伟 | 芳 | 秀英 | 建国 | 晓燕
            family: 王 | 李 | 张 | 刘 | 欧阳
            person: {family}{given}
            """,
        ),
        Region.read(
            2,
            """
            place: 서울, 서울특별시, 04524, KR, 02-000-01{:02}
            place: 부산, 부산광역시, 47545, KR, 051-000-01{:02}
            place: 인천, 인천광역시, 21554, KR, 032-000-01{:02}
            stems: HANBIT=한빛 | SAEBYEOK=새벽 | DONGBAEK=동백 | PADO=파도
            trades: MULLYU=물류㈜ | JEONJA=전자㈜ | SIKPUM=식품㈜
            company: {stem}{trade}
            streets: 항만로 | 창고길 | 중앙대로
            street_line: {street} {number}
            second_line: {number}동
            given: 민수 | 지영 | 서연 | 현우
            family: 김 | 이 | 박 | 최
            person: {family}{given}
            """,
        ),
        Region.read(
            2,
            """
            place: София, София-град, 1000, BG, 02 000 01{:02}
            place: Варна, Варна, 9000, BG, 052 000 1{:02}
            place: Бургас, Бургас, 8000, BG, 056 000 1{:02}
            place: Пловдив, Пловдив, 4000, BG, 032 000 1{:02}
            stems: DUNAV=Дунав | BALKAN=Балкан | ROZA=Роза | SHIPKA=Шипка | VITOSHA=Витоша
            trades: TORG=Търговия ООД | STROY=Строй АД | MLEKO=Млекопреработка ЕООД | SKLAD=Складове ООД
            company: {stem} {trade}
            streets: ул. Пристанищна | бул. Цар Борис III | ул. Складова | ул. Железничарска
            street_line: {street} {number}
            second_line: склад {number}
            given: Георги | Мария | Димитър | Цветана
            family: Иванови | Стоянови | Желязкови | Юруков
            person: {given} {family}
            """,
        ),
        Region.read(
            2,
            """
            place: Πειραιάς, Αττική, 185 31, GR, 21 0000 01{:02}
            place: Θεσσαλονίκη, Κεντρική Μακεδονία, 546 24, GR, 231 000 01{:02}
            place: Πάτρα, Δυτική Ελλάδα, 262 21, GR, 261 000 01{:02}
            stems: AIGAIO=Αιγαίο | OLYMPOS=Όλυμπος | DELFINI=Δελφίνι | ELIA=Ελιά
            trades: TROF=Τρόφιμα Α.Ε. | NAFT=Ναυτιλιακή Ε.Π.Ε. | MARM=Μάρμαρα Ο.Ε.
            company: {stem} {trade}
            streets: Λεωφόρος Λιμένος | Οδός Αποθηκών | Ακτή Μιαούλη
            street_line: {street} {number}
            second_line: Αποθήκη {number}
            given: Γιώργος | Ελένη | Νίκος | Άννα
            family: Παπαδάκη | Οικονόμου | Αλεξίου
            person: {given} {family}
            """,
        ),
        Region.read(
            2,
            """
            place: תל אביב-יפו, , 6416201, IL, 03-000-01{:02}
            place: חיפה, , , IL, 04-000-01{:02}
            place: אשדוד, , , IL, 08-000-01{:02}
            stems: KARMEL=כרמל | GALIM=גלים | TAVOR=תבור | YAM=ים תיכון
            trades: SACHAR=סחר בע"מ | MAZON=מזון בע"מ | MACHSAN=מחסנים בע"מ
            company: {stem} {trade}
            streets: שדרות הנמל | רחוב המחסן | דרך יפו
            street_line: {street} {number}
            second_line: מחסן {number}
            given: נועה | יוסי | תמר | אבי
            family: כהן | לוי | מזרחי | פרץ
            person: {given} {family}
            """,
        ),
        Region.read(
            3,
            """
            place: دبي, دبي, , AE, 04 000 01{:02}
            place: أبوظبي, أبوظبي, , AE, 02 000 01{:02}
            place: القاهرة, القاهرة, 11511, EG, 02 0000 01{:02}
            place: الدار البيضاء, الدار البيضاء-سطات, 20000, MA, 0522-0001{:02}
            stems: NAKHLA=النخلة | KHALIJ=الخليج | ATLAS=الأطلس | LULU=اللؤلؤة | SAHARA=الصحراء
            trades: TIJARA=للتجارة ش.م.م | NAQL=للنقل والشحن | ZUYUT=للزيوت | TAKHZIN=للتخزين ذ.م.م
            company: شركة {stem} {trade}
            streets: شارع الميناء | طريق المستودعات | شارع الجمارك
            street_line: {number} {street}
            second_line: مستودع {number}
            given: فاطمة | أحمد | ليلى | يوسف
            family: المنصوري | بنعلي | حسن | الفاسي
            person: {given} {family}
            """,
        ),
        Region.read(
            2,
            """
            place: मुंबई, महाराष्ट्र, 400001, IN, 022 0000 01{:02}
            place: पुणे, महाराष्ट्र, 411001, IN, 020 0000 01{:02}
            place: नई दिल्ली, दिल्ली, 110001, IN, 011 0000 01{:02}
            stems: HIMALAY=हिमालय | GANGA=गंगा | MAYUR=मयूर | SURYA=सूर्य
            trades: VYAPAR=व्यापार प्रा. लि. | VASTRA=वस्त्र उद्योग | MASALA=मसाले लि.
            company: {stem} {trade}
            streets: बंदरगाह मार्ग | गोदाम रोड | स्टेशन रोड
            street_line: {number}, {street}
            second_line: गोदाम {number}
            given: प्रिया | राजेश | अनीता | विक्रम
            family: शर्मा | पाटिल | मेहता | सिंह
            person: {given} {family}
            """,
        ),
    )
