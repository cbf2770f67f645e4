/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The policy language as it is read: what statements become, and what is said of faults. */
#include "policy_reading.h"

/* --- Statements ------------------------------------------------------------------------------------ */

static const char example[] =
    "# an edge host\n"
    "interface public { eth0 }\n"
    "set admins { 203.0.113.0/24 \"office\", 2001:db8:5::/48 \"vpn\" }\n"
    "set listeners : address . port { 192.0.2.10 . tcp 443 \"most things, HTTPS\" }\n"
    "set banned : net { counters; file \"bans.list\"\n"
    "    feed drop { url \"https://example.net/drop.json\"; format spamhaus; every 12h; shrink at most 50% "
    "}\n"
    "    except @admins, private, self }\n"
    "failsafe tcp 22 from @admins\n"
    "block from @banned\n"
    "stateless tcp to @listeners\n"
    "stateless tcp, udp to self port 53\n"
    "allow tcp to self port 22 from @admins\n"
    "limit syn to @listeners to 50/s burst 200 per source/32,/64\n"
    "mirror tcp port 80 to 192.0.2.77 via eth1 both directions\n"
    "balance tcp to 192.0.2.10 port 25 round-robin { 192.0.2.21 port 2525 weight 2; 192.0.2.22 port 2525 } "
    "masquerade\n"
    "conntrack { max 524288; tcp-be-liberal; warn at 80% }\n"
    "default drop\n";

static void the_example_is_read(void **state)
{
	(void)state;
	struct reading reading = read_good(example);
	const struct policy_statement *failsafe = statement(&reading, 0, STATEMENT_FAILSAFE);
	assert_int_equal(failsafe->selector.protocol_count, 1);
	assert_int_equal(failsafe->selector.protocols[0], IPPROTO_TCP);
	assert_int_equal(failsafe->selector.ports.ranges[0].low, 22);
	assert_ptr_equal(failsafe->selector.from.places[0].set, set_of(&reading, "admins"));
	check_span(failsafe->span, "failsafe tcp 22 from @admins");
	statement(&reading, 1, STATEMENT_BLOCK);
	statement(&reading, 2, STATEMENT_STATELESS);
	const struct policy_statement *dns = statement(&reading, 3, STATEMENT_STATELESS);
	assert_int_equal(dns->selector.protocol_count, 2);
	assert_int_equal(dns->selector.to.places[0].kind, PLACE_SELF);
	assert_true(dns->selector.families[FAMILY_IPV4] && dns->selector.families[FAMILY_IPV6]);
	statement(&reading, 4, STATEMENT_ALLOW);
	const struct policy_limit *limit = &statement(&reading, 5, STATEMENT_LIMIT)->limit;
	assert_true(limit->syn && limit->per_source);
	assert_int_equal(limit->rate, 50);
	assert_int_equal(limit->second, 1);
	assert_int_equal(limit->burst, 200);
	assert_int_equal(limit->prefix[FAMILY_IPV4], 32);
	assert_int_equal(limit->prefix[FAMILY_IPV6], 64);
	const struct policy_statement *mirror = statement(&reading, 6, STATEMENT_MIRROR);
	assert_true(mirror->both_directions);
	assert_true(mirror->mirror.has_gateway[FAMILY_IPV4]);
	assert_false(mirror->mirror.has_gateway[FAMILY_IPV6]);
	assert_true(mirror->mirror.gateway[FAMILY_IPV4] == 0xc000024d);
	assert_string_equal(mirror->mirror.device, "eth1");
	assert_int_equal(mirror->mirror.sample, 1);
	assert_int_equal(mirror->selector.to.count, 0);
	const struct policy_balance *balance = &statement(&reading, 7, STATEMENT_BALANCE)->balance;
	assert_int_equal(balance->backend_count, 2);
	assert_int_equal(balance->backends[0].weight, 2);
	assert_int_equal(balance->backends[1].weight, 1);
	assert_int_equal(balance->backends[1].port, 2525);
	assert_int_equal(balance->source, BALANCE_MASQUERADE);
	assert_int_equal(reading.tree->conntrack.max, 524288);
	assert_int_equal(reading.tree->conntrack.tcp_be_liberal, SWITCH_ON);
	assert_int_equal(reading.tree->conntrack.tcp_loose, SWITCH_UNSAID);
	assert_int_equal(reading.tree->conntrack.warn, 80);
	assert_int_equal(reading.tree->defaults[DIRECTION_IN].verdict, VERDICT_DROP);
	assert_int_equal(reading.tree->defaults[DIRECTION_FORWARD].verdict, VERDICT_DROP);
	assert_int_equal(reading.tree->defaults[DIRECTION_OUT].verdict, VERDICT_ACCEPT);
	assert_int_equal(reading.tree->statement_count, 8);
	reading_free(&reading);
}

static void sets_of_the_example(void **state)
{
	(void)state;
	struct reading reading = read_good(example);
	const struct policy_set *banned = set_of(&reading, "banned");
	struct buffer out = {0};
	assert_true(banned->counters && banned->excepts_self);
	assert_int_equal(banned->feed_count, 1);
	assert_string_equal(banned->feeds[0].url, "https://example.net/drop.json");
	assert_int_equal(banned->feeds[0].format, POLICY_FORMAT_SPAMHAUS);
	assert_int_equal(banned->feeds[0].every, 12 * 3600);
	assert_int_equal(banned->feeds[0].shrink, 50);
	assert_null(banned->feeds[0].copy);
	print_elements(banned, &out);
	assert_string_equal(out.data,
			    "198.51.100.0-198.51.100.255 \"spam\", "
			    "2001:db8:bad::-2001:db8:bad:ffff:ffff:ffff:ffff:ffff \"scans\" less self");
	buffer_fini(&out);
	check_span(policy_element_span(reading.tree, &banned->elements[FAMILY_IPV4].elements[0]),
		   "198.51.100.0/24 # spam");
	const struct policy_set *listeners = set_of(&reading, "listeners");
	assert_int_equal(listeners->type, POLICY_SET_ADDRESS_PORT);
	check_span(policy_element_span(reading.tree, &listeners->elements[FAMILY_IPV4].elements[0]),
		   "192.0.2.10 . tcp 443 \"most things, HTTPS\"");
	reading_free(&reading);
}

static void clauses_in_any_order(void **state)
{
	(void)state;
	struct reading reading =
	    read_good("interface public { eth0, wg* }\n"
		      "set admins { 203.0.113.0/24 }\n"
		      "deny udp port 53, 100-200, 150-300, 54 source port 1024-65535 to 192.0.2.1, self "
		      "on public from @admins, 2001:db8::/32\n"
		      "allow forward from any on eth0\n"
		      "block out to @admins\n"
		      "block from private both directions\n"
		      "reject protocol 47 from { 192.0.2.0/24\n 198.51.100.7-198.51.100.9 }; allow ping\n"
		      "allow icmp 3/4, echo-request from any\n"
		      "rules \"rules.v4\"\n");
	const struct policy_selector *deny = &statement(&reading, 0, STATEMENT_DENY)->selector;
	assert_int_equal(deny->ports.count, 2);
	assert_int_equal(deny->ports.ranges[0].low, 53);
	assert_int_equal(deny->ports.ranges[0].high, 54);
	assert_int_equal(deny->ports.ranges[1].high, 300);
	assert_int_equal(deny->source_ports.ranges[0].low, 1024);
	assert_int_equal(deny->device_count, 2);
	assert_string_equal(deny->devices[1].name, "wg");
	assert_true(deny->devices[1].wildcard);
	assert_int_equal(deny->to.count, 2);
	assert_int_equal(deny->from.places[1].family, FAMILY_IPV6);
	const struct policy_statement *forward = statement(&reading, 1, STATEMENT_ALLOW);
	assert_int_equal(forward->direction, DIRECTION_FORWARD);
	assert_int_equal(forward->selector.from.count, 0);
	assert_int_equal(forward->selector.device_count, 1);
	assert_int_equal(statement(&reading, 2, STATEMENT_BLOCK)->direction, DIRECTION_OUT);
	assert_true(statement(&reading, 3, STATEMENT_BLOCK)->both_directions);
	assert_true(set_of(&reading, "private")->builtin);
	const struct policy_selector *reject = &statement(&reading, 4, STATEMENT_REJECT)->selector;
	assert_int_equal(reject->protocols[0], 47);
	assert_int_equal(reject->from.count, 2);
	assert_false(reject->families[FAMILY_IPV6]);
	const struct policy_selector *ping = &statement(&reading, 5, STATEMENT_ALLOW)->selector;
	assert_int_equal(ping->protocol_count, 2);
	assert_int_equal(ping->icmp_count, 2);
	const struct policy_selector *icmp = &statement(&reading, 6, STATEMENT_ALLOW)->selector;
	assert_int_equal(icmp->icmp[0].code_low, 4);
	assert_int_equal(icmp->icmp[1].type, 8);
	assert_int_equal(icmp->icmp[1].code_high, 255);
	assert_false(icmp->families[FAMILY_IPV6]);
	assert_string_equal(statement(&reading, 7, STATEMENT_RULES)->rules->name, "policy/rules.v4");
	reading_free(&reading);
}

static void limits_and_mirrors(void **state)
{
	(void)state;
	struct reading reading = read_good(
	    "limit udp 53 to self at 10/min\n"
	    "limit all at 1000/s per source\n"
	    "limit syn to self port 80 at 5/s burst 9 with synproxy\n"
	    "mirror udp to self port 53 to 192.0.2.77, 2001:db8::77 via eth1 sample 1/100 truncate 128\n");
	const struct policy_statement *udp = statement(&reading, 0, STATEMENT_LIMIT);
	assert_false(udp->limit.syn || udp->limit.per_source);
	assert_int_equal(udp->limit.second, 60);
	assert_int_equal(udp->limit.burst, 10);
	assert_int_equal(udp->selector.ports.ranges[0].low, 53);
	assert_true(statement(&reading, 1, STATEMENT_LIMIT)->limit.per_source);
	assert_int_equal(statement(&reading, 2, STATEMENT_LIMIT)->limit.with, LIMIT_SYNPROXY);
	const struct policy_statement *mirror = statement(&reading, 3, STATEMENT_MIRROR);
	assert_true(mirror->mirror.has_gateway[FAMILY_IPV6]);
	assert_int_equal(mirror->mirror.sample, 100);
	assert_int_equal(mirror->mirror.truncate, 128);
	assert_int_equal(mirror->selector.to.places[0].kind, PLACE_SELF);
	reading_free(&reading);
}

static void settings_are_read(void **state)
{
	(void)state;
	struct reading reading = read_good(
	    "default drop without icmp-errors, neighbours\n"
	    "default forward accept\n"
	    "conntrack { timeout tcp-established 1d; timeout udp 30s\n tcp-loose off }\n"
	    "interface lan { eth1; xdp off }\n"
	    "balance udp to 2001:db8::1 port 53 hash source {\n  2001:db8::2\n  2001:db8::3 port 54\n}"
	    " snat 2001:db8::9 check every 2s timeout 1s\n");
	const struct policy_tree *tree = reading.tree;
	assert_int_equal(tree->defaults[DIRECTION_IN].implied, IMPLIED_LOOPBACK | IMPLIED_ESTABLISHED);
	assert_int_equal(tree->defaults[DIRECTION_FORWARD].verdict, VERDICT_ACCEPT);
	assert_int_equal(tree->conntrack.timeout_count, 2);
	assert_string_equal(tree->conntrack.timeouts[0].sysctl, "nf_conntrack_tcp_timeout_established");
	assert_int_equal(tree->conntrack.timeouts[0].seconds, 86400);
	assert_int_equal(tree->conntrack.tcp_loose, SWITCH_OFF);
	assert_true(tree->interfaces[0]->xdp_off);
	const struct policy_balance *balance = &statement(&reading, 0, STATEMENT_BALANCE)->balance;
	assert_int_equal(balance->method, BALANCE_HASH_SOURCE);
	assert_int_equal(balance->backends[0].port, 53);
	assert_int_equal(balance->backends[1].port, 54);
	assert_int_equal(balance->source, BALANCE_SNAT);
	assert_int_equal(balance->check_every, 2);
	assert_int_equal(balance->check_timeout, 1);
	reading_free(&reading);
}

/* --- Files and variables --------------------------------------------------------------------------- */

static void includes_are_relative_to_their_file(void **state)
{
	(void)state;
	check_set("include \"sets.weir\"\nallow tcp to self port $web from @admins\n", "hosts",
		  "192.0.2.1, 192.0.2.2");
	check_refused("include \"loop.weir\"\n",
		      "policy/again.weir:1:9: error[include-loop]: this file is being read already");
	check_refused("include \"edge.weir\"\n", "policy/edge.weir:1:9: error[include-loop]");
	check_refused("include \"none.weir\"\n", "cannot read policy/none.weir: No such file");
}

static void variables_stand_for_words(void **state)
{
	(void)state;
	check_set("define office = 203.0.113.0/28, 203.0.113.32/28\n"
		  "define all = $office, \\\n  192.0.2.1\n"
		  "set x { $all; 192.0.2.3 }\n",
		  "x", "192.0.2.1, 192.0.2.3, 203.0.113.0-203.0.113.15, 203.0.113.32-203.0.113.47");
	check_refused("set x { $none }\n", "there is no variable $none here");
	check_refused("define a = $a\n", "there is no variable $a here");
	check_refused("define a = 1\ndefine a = 2\n", "there is a variable called a already");
	check_refused("define a = 192.0.2.0/24\nallow tcp to self port $a\n",
		      "policy/edge.weir:2:24: error[bad-port]: 192.0.2.0/24 is no port");
	check_refused("define a = }\n", "nothing is open that } closes");
	check_refused("define a =\n", "expected what it stands for");
}

static void variables_do_not_explode(void **state)
{
	(void)state;
	struct buffer text = {0};
	buffer_puts(&text, "define v0 = 192.0.2.1\n");
	for (int i = 1; i <= 40; i++)
		buffer_printf(&text, "define v%d = $v%d, $v%d\n", i, i - 1, i - 1);
	check_refused(text.data, "a variable has at most 4096 words");
	buffer_fini(&text);
}

static void last_good_copies_of_feeds(void **state)
{
	(void)state;
	struct policy_options options = options_here();
	options.feed_directory = "/feeds";
	struct reading reading = read_with("set x { feed drop { url \"file:///a\"; format spamhaus }\n"
					   "feed none { url \"https://example.net/\" } }\n",
					   &options);
	struct buffer out = {0};
	assert_non_null(reading.tree);
	const struct policy_set *set = set_of(&reading, "x");
	print_elements(set, &out);
	assert_string_equal(out.data, "198.18.0.0-198.18.255.255 \"SBL1\"");
	assert_non_null(set->feeds[0].copy);
	assert_null(set->feeds[1].copy);
	assert_int_equal(reading.said.size, 0);
	reading_free(&reading);
	/* whoever wants the members is told which are not there */
	options.wants_feeds = true;
	reading = read_with("set x { feed drop { url \"file:///a\"; format spamhaus }\n"
			    "feed none { url \"https://example.net/\" } }\n",
			    &options);
	assert_non_null(reading.tree);
	assert_non_null(strstr(reading.said.data, "2:1: warning[never-fetched]: no copy of none"));
	assert_null(strstr(reading.said.data, "1:9: warning"));
	buffer_fini(&out);
	reading_free(&reading);
}

/* --- Faults ---------------------------------------------------------------------------------------- */

static const struct fault {
	const char *policy, *said;
} faults[] = {
    {"alow tcp to self", "1:1: error[unknown-statement]: there is no statement alow\n"},
    {"allow tcp 22 from admins", "hint: a set is named with @: @admins"},
    {"allow from 192.0.2.1 tcp 22", "hint: protocols stand in front"},
    {"block @banned", "hint: from @banned, or to @banned"},
    {"set a = { 192.0.2.1 }", "hint: there is no = here"},
    {"set a { example.com }", "hint: names are not looked up"},
    {"set a : address.port { }", "hint: with blanks: address . port"},
    {"set a : address . port { 192.0.2.1:443 }",
     "hint: in a set : address . port it is: 192.0.2.1 . tcp 443"},
    {"balance tcp to 192.0.2.1:25 { 192.0.2.2 }", "hint: the port stands apart: 192.0.2.1 port 25"},
    {"balance tcp to 192.0.2.1 port 25 { 192.0.2.2:25 }", "hint: the port stands apart: 192.0.2.2 port 25"},
    {"default policy drop", "hint: default drop"},
    {"default deny", "hint: default drop"},
    {"limit syn to self 50/s", "hint: at 50/s"},
    {"limit syn at 50 per second", "hint: at 50/s, or /min, /h, /d"},
    {"limit syn at 1/d burst 2", "hint: burst 1 is the most"},
    {"limit syn at 60000001/min", "error[bad-rate]"},
    {"conntrack { nf_conntrack_max 9 }", "hint: without nf_conntrack_"},
    {"allow icmp type echo-request", "hint: the type stands behind the protocol"},
    {"allow tcp 80 log", "hint: there is no log"},
    {"allow !tcp", "hint: there is no \"not\""},
    {"allow tcp 22, udp 53", "hint: other ports of another protocol"},
    {"feed a { }", "hint: a feed is part of a set"},
    {"-A INPUT -j DROP", "hint: text of iptables-save can be taken as it is"},
    {"allow tcp saddr 192.0.2.1", "hint: from"},
    {"alow tcp to self", "  hint: did you mean allow?\n"},
    {"drop from any", "hint: deny drops packets here"},
    {"allow tpc to self",
     "1:7: error[unexpected-word]: expected on, from, to, port or the end of the line, not tpc"},
    {"allow tpc to self", "  hint: did you mean tcp?\n"},
    {"allow tcp, upd to self", "1:12: error[unexpected-word]: expected a protocol, not upd"},
    {"allow", "error[says-nothing]: allow of what?"},
    {"allow 22", "expected on, from, to, port"},
    {"allow tcp to", "1:13: error[unexpected-word]: expected an address"},
    {"allow tcp to self to any", "1:19: error[said-twice]"},
    {"allow tcp from any, self", "error[any-and-more]"},
    {"allow tcp from !@a", "hint: there is no \"not\""},
    {"allow tcp from 192.0.2.1/24", "hint: 192.0.2.0/24 is the network"},
    {"allow tcp 99999", "error[bad-port]: 99999 is no port: they end at 65535"},
    {"allow tcp 30-20", "30-20 ends before it begins"},
    {"allow tcp { 80 443 }", "expected a comma or }, not 443"},
    {"allow to self port 22", "error[no-protocol]"},
    {"allow icmp to self port 22", "icmp has no ports"},
    {"allow ping, icmp to self", "error[ping-and-icmp]"},
    {"allow icmp echo-requst", "hint: did you mean echo-request?"},
    {"allow from 192.0.2.1 to 2001:db8::1", "error[wrong-family]"},
    {"allow icmp6 from 192.0.2.1", "error[wrong-family]"},
    {"allow tcp to @web\nset wev { }", "hint: did you mean @wev?"},
    {"set web : net . port { }\nallow tcp to @web port 80", "error[ports-twice]"},
    {"set web : net . port { }\nallow icmp to @web", "icmp has no ports"},
    {"interface public { eth0 }\nallow from any on publik", "hint: did you mean public?"},
    {"allow from any on eth7", "hint: name it first: interface public { eth7 }"},
    {"interface public { }", "error[no-interfaces]"},
    {"interface a { eth0 }\ninterface a { eth1 }", "2:11: error[defined-twice]"},
    {"interface a { a-name-of-16chars }", "error[bad-interface]"},
    {"interface a { eth0\nset x { }", "2:1: error[missing-brace]: } is missing before this statement"},
    {"set x { }\nset x { }", "there is a set called x already"},
    {"set private { }", "private has a meaning of its own"},
    {"set @x { }", "a set is declared without @"},
    {"set a-name-that-is-much-too-long { }", "error[bad-name]"},
    {"set x : prot { }", "expected address, net, address . port or net . port, not prot"},
    {"set x { 192.0.2.1 192.0.2.2 }", "1:19: error[unexpected-word]: expected a comma"},
    {"set x { 192.0.2.1 . tcp 80 }", "error[no-ports]"},
    {"set x : net . port { 192.0.2.1 }", "expected the port (ADDRESS . tcp 443), not }"},
    {"set x : net . port { @y }\nset y { }", "error[wrong-type]"},
    {"set x { except @y }\nset y : net . port { }", "error[wrong-type]"},
    {"set x : address { @y }\nset y { 10.0.0.0/8 }", "error[range-too-wide]"},
    {"set x : address . port { 198.18.0.0/16 . tcp 0-65535 }", "error[set-too-large]"},
    {"set x { conters }", "hint: did you mean counters?"},
    {"set x { timeout soon }", "error[bad-time]"},
    {"set x { 192.0.2.1 \"a", "error[unterminated-string]"},
    {"set x { file \"none\" }", "cannot read policy/none: No such file"},
    {"set x { feed a { } }", "error[no-url]"},
    {"set x { feed a { url \"gopher://example.net\" } }", "error[bad-url]"},
    {"set x { feed a { url \"file:///a\"; shrink at most 101% } }", "is more than 100%"},
    {"set x { feed a { url \"file:///a\" }\nfeed a { url \"file:///b\" } }",
     "there is a feed called a already"},
    {"set x { feed a { url \"file:///a\"; evry 1h } }", "hint: did you mean every?"},
    {"limit syn to self", "expected a rate (at 50/s)"},
    {"limit syn to self at 0/s", "error[bad-rate]"},
    {"limit syn to self at 50/fortnight", "error[bad-rate]"},
    {"limit syn at 5/s per source/33", "error[bad-prefix]"},
    {"limit syn at 5/s per source/24,/129", "error[bad-prefix]"},
    {"limit syn at 5/s per host", "expected source, or source/32,/64, not host"},
    {"limit udp at 5/s with synproxy", "error[needs-syn]"},
    {"conntrack { tcp-loose on }; limit syn to self at 5/s with synproxy", "error[synproxy-and-loose]"},
    {"limit syn at 5/s burst 0", "error[bad-number]: 0 is out of range"},
    {"mirror tcp to 192.0.2.77", "expected where the copies go (to ADDRESS via DEVICE)"},
    {"set x { }\nmirror tcp to @x via eth1", "error[bad-gateway]: the receiver of a mirror is an address"},
    {"mirror tcp to 192.0.2.0/24 via eth1", "error[bad-gateway]"},
    {"mirror tcp to 192.0.2.1, 192.0.2.2 via eth1", "one receiver of each family"},
    {"mirror tcp to 192.0.2.1 via eth1 sample 2/3", "such as 1/100, not 2/3"},
    {"interface i { eth* }\nmirror tcp to 192.0.2.1 via i", "copies leave through one"},
    {"balance tcp to 192.0.2.1 { 192.0.2.2 }", "what is balanced has one port"},
    {"balance to 192.0.2.1 port 1 { 192.0.2.2 }", "one protocol, tcp or udp"},
    {"balance tcp to self port 1 { 192.0.2.2 }", "one address behind to"},
    {"balance tcp to 192.0.2.1 port 1 { 2001:db8::1 }", "error[wrong-family]"},
    {"balance tcp to 192.0.2.1 port 1 { 192.0.2.2 weight 0 }", "error[bad-number]"},
    {"balance tcp to 192.0.2.1 port 1 { 192.0.2.2; 192.0.2.2 }",
     "error[said-twice]: this backend stands twice"},
    {"balance tcp to 192.0.2.1 port 1 { }", "error[no-backends]"},
    {"balance tcp to 192.0.2.1 port 1 { 192.0.2.2 } mascarade", "hint: did you mean masquerade?"},
    {"conntrack { max 0 }", "error[bad-number]"},
    {"conntrack { tcp-be-liberl }", "hint: did you mean tcp-be-liberal?"},
    {"conntrack { max 1; max 2 }", "max stands twice"},
    {"conntrack { }\nconntrack { }", "there is a conntrack statement already"},
    {"conntrack { timeout tcp-established 0 }", "error[bad-time]"},
    {"default dorp", "hint: did you mean drop?"},
    {"default drop\ndefault accept", "there is a default for this already"},
    {"default drop without loopbak", "hint: did you mean loopback?"},
    {"rules \"none.v4\"", "cannot read policy/none.v4"},
    {"allow from any }", "expected on, from, to, port or the end of the line, not }"},
    {"\"allow\"", "expected a statement, not the string \"allow\""},
    {"= 1", "expected a statement, not ="},
    {"allow \001", "error[control-character]"},
};

static void faults_are_told_where_they_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		check_refused(faults[i].policy, faults[i].said);
}

static void reading_goes_on_behind_a_fault(void **state)
{
	(void)state;
	struct reading reading = read_policy("alow ping\n"
					     "set x { 192.0.2.300, 192.0.2.1\n  nonsense\n}\n"
					     "deny tcp to @x port ssh\n"
					     "block from @x nowhere { a\n b }\n"
					     "default dorp\n");
	static const char *const places[] = {"1:1: error",  "2:9: error",  "3:3: error",
					     "5:21: error", "6:15: error", "8:9: error"};
	const char *at = reading.said.data;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		at = strstr(at, places[i]);
		assert_non_null(at);
	}
	assert_null(strstr(reading.said.data, "error[unknown-set]")); /* a broken set is still declared */
	reading_free(&reading);
}

static void twenty_errors_are_shown(void **state)
{
	(void)state;
	struct buffer text = {0};
	for (int i = 0; i < 50; i++)
		buffer_puts(&text, "nonsense\n");
	check_refused(text.data, "30 more errors not shown");
	buffer_fini(&text);
}

static void statements_that_stand_twice(void **state)
{
	(void)state;
	struct reading reading = read_policy("allow  ping\nallow ping # again\n");
	assert_non_null(reading.tree);
	assert_non_null(strstr(reading.said.data, "2:1: warning[statement-twice]"));
	assert_non_null(strstr(reading.said.data, "1:1: note: here it is first"));
	reading_free(&reading);
}

static void expired_members_are_told(void **state)
{
	(void)state;
	struct reading reading = read_policy("set x { file \"old.list\" }\n");
	assert_non_null(reading.tree);
	assert_int_equal(set_of(&reading, "x")->lists[0].expired, 2);
	assert_non_null(
	    strstr(reading.said.data, "note[expired-members]: 2 of the 3 members in policy/old.list"));
	reading_free(&reading);
}

static void lists_in_statements_have_an_end(void **state)
{
	(void)state;
	struct buffer text = {0};
	buffer_puts(&text, "allow from 192.0.2.1");
	for (int i = 0; i < POLICY_ITEMS_MAX; i++)
		buffer_puts(&text, ", 192.0.2.1");
	check_refused(text.data, "error[too-many-items]: more than 4096 addresses are a set");
	text.size = 0;
	buffer_puts(&text, "interface i { ");
	for (int i = 0; i <= POLICY_DEVICES_MAX; i++)
		buffer_printf(&text, "eth%d, ", i);
	buffer_puts(&text, "}\n");
	check_refused(text.data, "error[too-many-interfaces]");
	buffer_fini(&text);
}

static void policies_have_an_end(void **state)
{
	(void)state;
	struct buffer text = {0};
	for (int i = 0; i <= POLICY_STATEMENTS_MAX; i++)
		buffer_puts(&text, "default out accept\n");
	/* one for each but the first, and the last says that there are too many */
	check_refused(text.data, "65516 more errors not shown");
	buffer_fini(&text);
}

/* --- What contradicts each other ------------------------------------------------------------------- */

static void no_ban_covers_a_failsafe(void **state)
{
	(void)state;
	static const char sets[] =
	    "set admins { 203.0.113.0/24 }\nset bans { 198.51.100.0/24, 203.0.113.7 }\n";
	struct buffer text = {0};
	buffer_printf(&text, "%sblock from @bans\nfailsafe tcp 22 from @admins\n", sets);
	check_refused(text.data, "policy/edge.weir:2:29: error[failsafe-banned]: 203.0.113.7 is in bans");
	check_refused(text.data, "policy/edge.weir:4:1: note: the failsafe\n");
	check_refused(text.data, "hint: in the set: except @admins\n");
	text.size = 0;
	buffer_printf(&text, "%sblock from 192.0.0.0/2\nfailsafe tcp 22 from @admins\n", sets);
	check_refused(text.data, "3:12: error[failsafe-banned]");
	check_refused(
	    "set bans { file \"bans.list\" }\nblock from @bans\nfailsafe udp 53 from 2001:db8:bad::1\n",
	    "policy/bans.list:6:1: error[failsafe-banned]");
	/* of other ports, without a source, on the way out, or excepted: nothing is lost */
	struct reading reading = read_good("set bans { 198.51.100.0/24 except @admins }\n"
					   "set admins { 198.51.100.7 }\nset all { 198.51.100.0/24 }\n"
					   "failsafe tcp 22 from @admins\nfailsafe tcp 80\n"
					   "block from @bans\nblock tcp 25 from @all\nblock out from @all\n");
	reading_free(&reading);
	buffer_fini(&text);
}

static void members_that_come_later_are_checked_alike(void **state)
{
	(void)state;
	struct reading reading =
	    read_good("set bans { }\nblock from @bans\nfailsafe tcp 22 from 203.0.113.0/24\n");
	struct policy_element element = {.low = 0xcb007101, .high = 0xcb007101};
	struct policy_elements elements = {&element, 1, 1};
	struct policy_conflict conflict;
	const struct policy_set *bans = set_of(&reading, "bans");
	assert_true(policy_failsafe_conflict(reading.tree, bans, FAMILY_IPV4, &elements, &conflict));
	assert_ptr_equal(conflict.element, &element);
	assert_int_equal(conflict.failsafe->kind, STATEMENT_FAILSAFE);
	element.low = element.high = 0xcb007201;
	assert_false(policy_failsafe_conflict(reading.tree, bans, FAMILY_IPV4, &elements, &conflict));
	reading_free(&reading);
}

static void a_stateless_listener_is_not_tracked(void **state)
{
	(void)state;
	static const char balance[] = "balance tcp to 192.0.2.10 port 25 { 192.0.2.21 }\n";
	static const char *const conflicts[] = {
	    "stateless tcp to 192.0.2.0/24 port 20-30\n",
	    "stateless tcp, udp to self port 25\n",
	    "stateless tcp to self\n",
	    "stateless from any\n",
	    "set l : address . port { 192.0.2.10 . tcp 25 }\nstateless tcp to @l\n",
	    "set l { 192.0.2.0/28 }\nstateless tcp 25 to @l\n"};
	static const char *const fine[] = {
	    "stateless tcp to self port 26\n",
	    "stateless udp to self\n",
	    "stateless tcp to 192.0.2.11\n",
	    "stateless tcp to 2001:db8::/32\n",
	    "set l : address . port { 192.0.2.11 . tcp 80 }\nstateless tcp to @l\n"
	    "limit syn to self port 81 at 5/s with synproxy\n",
	    "set l : address . port { 192.0.2.10 . tcp 26, 192.0.2.11 . tcp 25, 192.0.2.10 . udp 25 }\n"
	    "stateless tcp to @l\n"};
	struct buffer text = {0};
	for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++) {
		text.size = 0;
		buffer_printf(&text, "%s%s", balance, conflicts[i]);
		check_refused(text.data, "1:1: error[stateless-and-tracked]: balance needs");
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		text.size = 0;
		buffer_printf(&text, "%s%s", balance, fine[i]);
		struct reading reading = read_good(text.data);
		reading_free(&reading);
	}
	check_refused("set a { 192.0.2.0/24 }\nset b : address . port { 192.0.2.1 . tcp 80 }\n"
		      "stateless tcp 80 to @a\nlimit syn to @b at 5/s with synproxy\n",
		      "4:1: error[stateless-and-tracked]: synproxy needs");
	check_refused(
	    "set a { 192.0.2.0/24 }\nstateless tcp 80 to @a\nlimit syn to @a at 5/s with synproxy\n",
	    "3:1: error[stateless-and-tracked]");
	buffer_fini(&text);
}

/* --- Which file is a policy ------------------------------------------------------------------------ */

/* What the language has and weir does not do yet is said, each by its name; what is done is not. */
static void what_has_no_effect_says_so(void **state)
{
	static const struct {
		const char *policy, *words; /* NULL: nothing is said */
	} cases[] = {
	    {"interface wan { eth0; xdp off }\n", NULL},
	    {"interface wan { eth0 }\n", NULL},
	    {"set a { 192.0.2.1; timeout 5min }\n", NULL},
	    {"conntrack { warn at 80% }\n", NULL},
	    {"conntrack { max 1000 }\n", NULL},
	    {"limit syn to self port 80 at 5/s with syncookies\n", NULL},
	    {"conntrack { tcp-loose off }\nlimit syn to self port 80 at 5/s with synproxy\n", NULL},
	    {"limit syn to self port 80 at 5/s\n", NULL},
	    {"balance tcp to 192.0.2.10 port 25 round-robin { 192.0.2.21 } check every 2s\n", NULL},
	    {"balance tcp to 192.0.2.10 port 25 round-robin { 192.0.2.21 }\n", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reading reading = read_good(cases[i].policy);
		if (cases[i].words)
			assert_non_null(strstr(reading.said.data, cases[i].words));
		else
			assert_int_equal(reading.said.size, 0);
		reading_free(&reading);
	}
	struct reading half = read_good("mirror tcp to 192.0.2.99 via eth1\n");
	assert_non_null(
	    strstr(half.said.data, "warning[mirror-of-one-family]: packets of IPv6 are not copied"));
	reading_free(&half);
	half = read_good("mirror tcp from 192.0.2.0/24 to 192.0.2.99 via eth1\n"
			 "mirror udp to 192.0.2.99, 2001:db8::99 via eth1\n");
	assert_int_equal(half.said.size, 0);
	reading_free(&half);
	struct reading mirror = read_policy("mirror tcp from 2001:db8::/32 to 192.0.2.99 via eth1\n");
	assert_null(mirror.tree);
	assert_non_null(strstr(mirror.said.data, "error[mirror-of-nothing]"));
	reading_free(&mirror);
}

static void policies_are_recognised(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool policy;
	} texts[] = {
	    {"# a policy\n\n  set admins { }\n", true},
	    {"default drop\n", true},
	    {"include \"x\"\nblock from private\n", true},
	    {"define x = {\n 192.0.2.1\n}\n\nset y { $x }\n", true},
	    {"define x = {\n 192.0.2.1\n}\n\ntable ip y {\n", false},
	    {"include \"x\"\n", false},
	    {"interface\tpublic { eth0 }", true},
	    {"*filter\n", false},
	    {"create a hash:ip\n", false},
	    {"table ip filter {\n", false},
	    {"add table ip x\n", false},
	    {"settings\n", false},
	    {"", false},
	    {"{\"nftables\": []}", false},
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct source source = {"x", texts[i].text, (uint32_t)strlen(texts[i].text)};
		assert_int_equal(policy_recognise(&source), texts[i].policy);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_example_is_read),
	    cmocka_unit_test(sets_of_the_example),
	    cmocka_unit_test(clauses_in_any_order),
	    cmocka_unit_test(limits_and_mirrors),
	    cmocka_unit_test(settings_are_read),
	    cmocka_unit_test(includes_are_relative_to_their_file),
	    cmocka_unit_test(variables_stand_for_words),
	    cmocka_unit_test(variables_do_not_explode),
	    cmocka_unit_test(last_good_copies_of_feeds),
	    cmocka_unit_test(faults_are_told_where_they_are),
	    cmocka_unit_test(reading_goes_on_behind_a_fault),
	    cmocka_unit_test(twenty_errors_are_shown),
	    cmocka_unit_test(statements_that_stand_twice),
	    cmocka_unit_test(expired_members_are_told),
	    cmocka_unit_test(policies_have_an_end),
	    cmocka_unit_test(lists_in_statements_have_an_end),
	    cmocka_unit_test(no_ban_covers_a_failsafe),
	    cmocka_unit_test(members_that_come_later_are_checked_alike),
	    cmocka_unit_test(a_stateless_listener_is_not_tracked),
	    cmocka_unit_test(what_has_no_effect_says_so),
	    cmocka_unit_test(policies_are_recognised),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
