package main

import "strings"

// vocabulary is what lines are made of.
type vocabulary struct {
	tops, words, roles, verbs, types, warnings, levels []string
}

func newVocabulary() vocabulary {
	return vocabulary{
		tops:   strings.Fields("accessible browser devtools docshell dom editor gfx image intl ipc js layout media modules netwerk security storage toolkit uriloader widget"),
		words:  strings.Fields(wordText),
		roles:  strings.Fields("Manager Service Parser Writer Reader Cache Context Handler Factory Builder Listener Observer Channel Stream Buffer Node Element Runner Task Queue Visitor Codec Client Server Session Monitor"),
		verbs:  strings.Fields("opened closed scheduled resolved rejected flushed loaded stored evicted decoded encoded retried committed queued claimed released verified skipped merged rebuilt"),
		types:  strings.Split("int|const char*|nsIChannel*|RefPtr<Promise>&|unsigned long, bool|std::string_view|JSContext*, JS::Handle<JSObject*>|void*|size_t, size_t", "|"),
		levels: []string{"INFO ", "INFO ", "DEBUG", "DEBUG", "WARN "},
		warnings: strings.Split("unused variable|unused parameter|implicit conversion loses integer precision in|comparison of integers of different signs in|"+
			"declaration shadows a local variable|missing field initializer in|enumeration value not handled in switch on|private field is never read:", "|"),
	}
}

const wordText = `abort accept access account action adapter address agent alarm align alloc alpha anchor angle
animation append apply archive array asset assert atom attach attribute audio auth average axis backend balance
band batch beacon binary bind bitmap blend blob block board body bool border bound branch bridge broker bucket
bundle byte calendar call cancel canvas capture card cascade catalog cell chain chart check child chunk cipher
circle claim class clear click clip clock clone cluster code color column command commit compact compare compute
config connect console const contact content control cookie copy core counter crash credit cursor curve cycle data
deadline debug default delta demand depth desktop detach device dialog diff digest direct disk dispatch display
divert domain double download draft drag draw drive drop dump dynamic echo edge effect embed empty encode engine
entry epoch error escape event exact exchange exec expand export extend fade fallback feature feed fetch field
file filter final find flag flat float flow flush focus folder font force form format forward fragment frame free
front function gamma gateway gauge general geometry glyph gradient graph grid group guard handle hash header heap
height hint history hook host hover icon idle image import index inline input insert inspect install intent
interval invoke item job join journal key kernel label lane latch launch layer layout lazy lease length level
library light limit line link list listen load local lock logic lookup loop macro mailbox main map margin mark
mask match matrix measure media memory menu merge mesh message meta method metric migrate mirror mixin mobile
mode model module mount mouse move multi mutex name native network notify null number object offset open option
order origin outline output overlay owner packet page paint panel parent parse partial patch path pattern pause
peer pending perform permit phase ping pipe pixel plan player plugin point policy pool popup port post power
prefix prepare preset print private probe process profile program promise proof protocol proxy public pulse pump
query quota radio random range rank rate raw ready realm record redirect reduce refresh region relay release
remote render repeat replace reply report request reset resize resolve restore result resume retry reverse ring
role root rotate round route row rule runtime safe sample sandbox save scale scan schema scope screen script
scroll search sector seed segment select sender sequence serial server session setting shade shadow shape share
shell shift signal simple size sketch slice slot smart snapshot socket solid sort source space span spawn speed
split stack stage standard state static status step stock storage store stream stretch string style submit
subset suite super support surface swap switch symbol sync syntax system table target template tenant terminal
text texture theme thread throttle ticket tile timeout timer title toggle token topic total touch trace track
traffic transfer transform transit tree trigger trim tuple turn type unit update upload usage user vacuum valid
value variant vector verify version vertex view virtual visit voice volume wait walk watch wave weak web weight
wheel widget width window wire word worker wrap write yield zone zoom`
