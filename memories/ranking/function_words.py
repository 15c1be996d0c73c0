"""Words that hold sentences together, by language: too common to find anything by, and a sign of the language.

The languages are named as Snowball's algorithms are.
"""

FUNCTION_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "english": """
            a about above after again against all also am an and any are aren as at be because been before being
            below between both but by can cannot could couldn d did didn do does doesn doing don down during each
            few for from further had hadn has hasn have haven having he her here hers herself him himself his how i
            if in into is isn it its itself just let ll m me more most mustn my myself no nor not now of off on once
            only or other our ours ourselves out over own re s same shan she should shouldn so some such t than that
            the their theirs them themselves then there these they this those through to too under until up ve very
            was wasn we were weren what when where which while who whom why will with won would wouldn you your
            yours yourself yourselves
        """,
        "german": """
            aber alle allem allen aller alles als also am an andere anderen auch auf aus bei beim bin bis
            bist da damit dann das dass dein deine deinem deinen deiner dem den denn der des dessen dich die
            dies diese diesem diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines
            er es etwas euch euer eure für gegen habe haben hat hatte hatten hier hin hinter ich ihm ihn
            ihnen ihr ihre ihrem ihren ihrer im in indem ins ist ja jede jedem jeden jeder jedes jetzt kann
            kein keine keinem keinen keiner können könnte mal man mein meine meinem meinen meiner mich mir
            mit muss nach nicht nichts noch nun nur ob oder ohne schon sehr sein seine seinem seinen seiner
            seit sich sie sind so sollte um und uns unser unsere unter viel vom von vor wann war waren warum
            was weil weiter welche welcher wem wen wenn wer werde werden wessen wie wieder will wir wird
            wirst wo wofür woher wohin wollen worüber würde zu zum zur über
        """,
        "french": """
            ai au aussi aux avait avec avez avons car ce cela ces cet cette ceux chez combien comme d dans
            de des donc dont du elle elles en est et eu eux fait il ils j je l la le les leur leurs lui ma
            mais me mes moi mon même n ne nos notre nous on ont ou où par pas peu plus pour pourquoi qu
            quand que quel quelle quelles quels qui quoi s sa sans se ses si son sont suis sur ta te tes toi
            ton tous tout toute toutes très tu un une vos votre vous y à ça était été être
        """,
        "spanish": """
            a al algo algunas algunos ante antes como con contra cual cuando cuál cuáles cuándo cuánta
            cuánto cuántos cómo de del desde donde dos durante dónde e el ella ellas ellos en entre era eran
            eres es esa esas ese eso esos esta estaba estado estas este esto estos estoy está están fue
            fueron ha había han has hasta hay he la las le les lo los me mi mis mucho muy más mí nada ni no
            nos nosotros nuestra nuestro o os otra otro para pero poco por porque que quien quién qué se sea
            ser si sido sin sobre son soy su sus sé también tan te tengo tiene todo todos tu tus tú un una
            uno unos usted y ya yo él
        """,
        "italian": """
            a abbiamo ad agli ai al alla alle allo anche ancora avere c che chi ci ciò co come con contro
            cosa così cui da dagli dai dal dalla dalle dallo degli dei del della delle dello di dove e ed
            era erano essere fra gli ha hai hanno ho i il in io la le lei li lo loro lui ma mi mia mie miei
            mio molto ne negli nei nel nella nelle nello noi non nostra nostro o per perché perciò più può
            quale quali quando quanta quante quanti quanto quella quello questa queste questi questo qui sei
            si sia siamo sono su sua sue sugli sui sul sulla suo suoi ti tra tu tua tuo tutti tutto un una
            uno vi voi è
        """,
        "portuguese": """
            a ao aos as até com como da das de dela dele deles depois do dos e ela elas ele eles em entre
            era essa esse esta estamos estava este estou está estão eu foi foram há isso isto já lhe mais
            mas me mesmo meu meus minha minhas muito na nas nem no nos nossa nosso num numa não nós o onde
            os ou para pela pelo por porque quais qual quando quanta quanto quantos que quem se sem ser seu
            seus sou sua suas são só também te tem tenho ter teu tu tua tudo um uma uns vai você vocês à às
            é
        """,
        "dutch": """
            aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een
            eens en er gaan gaat ge geen geweest haar had heb hebben heeft hem het hier hij hoe hun iemand
            iets ik in is ja je jij jouw jullie kan kon kunnen maar me meer men met mij mijn moet na naar
            niet niets nog nu of om omdat onder ons onze ook op over reeds te tegen toch toen tot u uit uw
            van veel voor waar waarom wanneer want waren was wat we wel welke wezen wie wij wil worden wordt
            zal ze zelf zich zij zijn zo zonder zou
        """,
        "swedish": """
            alla allt att av blev bli blir de deltagit dem den denna deras dess dessa det detta dig din dina
            ditt du där då efter ej eller en er era ert ett från för ha hade han hans har henne hennes hon
            honom hur här i icke ingen inom inte jag ju kan kunde man med mellan men mig min mina mitt mot
            mycket ni nu när någon något några och om oss på samma sedan sig sin sina sitt själv skulle som
            så sådan till under upp ut utan vad var vara varför varje vars vart vem vi vid vilka vilken
            vilket är över
        """,
        "russian": """
            а без бы был была были было быть в вам вас во вот все всех всё вы где да для до его ее если есть
            еще ещё её же за зачем и из или им их к как какая какие какое какой ко когда которая которое
            которые который кто куда ли меня мне мой моя мы на над нам нас не него нее нет неё ни них но ну
            о об однако он она они оно от откуда очень по под после почему при про с свой себя сколько со
            так также там тебя тем то того тоже той только том тот ты у уже хотя чего чем что чтобы эта эти
            это этот я
        """,
        "turkish": """
            ama ancak bana bazı belki ben beni benim bir biri birkaç birçok biz bizim bu buna bunda bundan
            bunu bunun da daha de defa diye en gibi hangi hem hep hepsi her hiç ile ise için kadar kez ki
            kim kimden kime kimin kimse mi mu mü mı nasıl ne neden nerede nereden nereye niye niçin o olan
            olarak oldu olduğu on ona ondan onlar onu onun sanki sen senin siz sizin tüm var ve veya ya yani
            yok çok çünkü şey şu
        """,
    }.items()
}
