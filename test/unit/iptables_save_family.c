/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether a file is read as rules of IPv4 or of IPv6: by its comments, by what its rules hold, by its name.
 */
#include "read/load.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct case_ {
	const char *name;  /* of the file */
	const char *rules; /* of table filter, or a whole file when it begins with # or * */
	enum family family;
};
#define MIXED FAMILY_COUNT

/* Reads the text as a file of that name; what is said about it goes to `said`. */
static int load(const char *name, const char *text, struct buffer *said, struct ruleset **ruleset)
{
	char directory[] = "/tmp/weir-family-XXXXXX", path[128];
	struct diagnostics *sink = diagnostics_new();
	bool whole = text[0] == '#' || text[0] == '*';

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	if (whole)
		fputs(text, file);
	else
		fprintf(file, "*filter\n:user - [0:0]\n%s\nCOMMIT\n", text);
	assert_int_equal(fclose(file), 0);
	const char *paths[] = {path};
	int result = rules_load(paths, 1, sink, ruleset);
	diagnostics_print(sink, said);
	diagnostics_free(sink);
	unlink(path);
	rmdir(directory);
	return result;
}

static void assert_families(const struct case_ *cases, size_t count)
{
	size_t wrong = 0;

	for (size_t i = 0; i < count; i++) {
		struct ruleset *ruleset = NULL;
		struct buffer said = {0};
		int result = load(cases[i].name, cases[i].rules, &said, &ruleset);
		bool right = cases[i].family == MIXED
				 ? result == -EINVAL && strstr(said.data, "error[mixed-family]") &&
				       strstr(said.data, " here\n")
				 : result == 0 && ruleset->has_family[cases[i].family] &&
				       !ruleset->has_family[!cases[i].family];
		if (!right) {
			print_error("%s: %s\n%s", cases[i].name, cases[i].rules,
				    said.data ? said.data : "taken\n");
			wrong++;
		}
		if (ruleset)
			ruleset_free(ruleset);
		buffer_fini(&said);
	}
	assert_int_equal(wrong, 0);
}
#define ASSERT_FAMILIES(cases) assert_families(cases, sizeof(cases) / sizeof(*(cases)))

static void what_only_one_program_takes_decides(void **state)
{
	static const struct case_ cases[] = {
	    {"rules", "-A INPUT -j REJECT --reject-with icmp6-port-unreachable", FAMILY_IPV6},
	    {"rules", "-A INPUT -j REJECT --reject-with adm-prohibited", FAMILY_IPV6},
	    {"rules", "-A INPUT -j REJECT --reject-with=icmp6-no-route", FAMILY_IPV6},
	    {"rules", "-A INPUT -j REJECT --reject-with icmp-port-unreachable", FAMILY_IPV4},
	    {"rules6", "-A INPUT -j REJECT --reject-with icmp-port-unreachable", FAMILY_IPV4},
	    {"rules6", "-A INPUT -j REJECT --reject-with admin-prohib", FAMILY_IPV4},
	    {"rules", "-A INPUT -p tcp -j REJECT --reject-with tcp-reset", FAMILY_IPV4},
	    {"rules6", "-A INPUT -p tcp -j REJECT --reject-with tcp-reset", FAMILY_IPV6},
	    {"rules", "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT", FAMILY_IPV6},
	    {"rules", "-A INPUT -p 58 --icmpv6-type echo-request -j ACCEPT", FAMILY_IPV6},
	    {"rules", "-A INPUT -p ipv6-icmp -j ACCEPT", FAMILY_IPV6},
	    {"rules", "-A INPUT -p icmpv6 -j ACCEPT", FAMILY_IPV6},
	    {"rules", "[0:0] -A INPUT -p icmpv6 -m icmpv6 --icmpv6-type 1 -j ACCEPT", FAMILY_IPV6},
	    {"rules", "-A INPUT -m hl --hl-eq 255 -j ACCEPT", FAMILY_IPV6},
	    {"rules", "-A INPUT -m frag --fragfirst -j DROP", FAMILY_IPV6},
	    {"rules", "-A INPUT -m rt --rt-type 0 -j DROP", FAMILY_IPV6},
	    {"rules", "-A INPUT -m hbh --hbh-len 8 -j DROP", FAMILY_IPV6},
	    {"rules", "-A INPUT -m dst --dst-len 8 -j DROP", FAMILY_IPV6},
	    {"rules", "-A INPUT -m eui64 -j DROP", FAMILY_IPV6},
	    {"rules", "-A INPUT -m ipv6header --header frag --soft -j DROP", FAMILY_IPV6},
	    {"rules", "-A INPUT -p mh -m mh --mh-type 1 -j DROP", FAMILY_IPV6},
	    {"rules", "-A INPUT -m srh --srh-tag 1 -j DROP", FAMILY_IPV6},
	    {"rules", "*mangle\n-A PREROUTING -j HL --hl-set 64\nCOMMIT\n", FAMILY_IPV6},
	    {"rules",
	     "*mangle\n-A POSTROUTING -j SNPT --src-pfx 2001:db8::/64 --dst-pfx 2001:db8:1::/64\nCOMMIT\n",
	     FAMILY_IPV6},
	    {"rules6", "-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT", FAMILY_IPV4},
	    {"rules6", "-A INPUT -p icmp --icmp-type any -j ACCEPT", FAMILY_IPV4},
	    {"rules6", "-A INPUT -m ttl --ttl-eq 255 -j ACCEPT", FAMILY_IPV4},
	    {"rules6", "-A INPUT -m realm --realm 5 -j ACCEPT", FAMILY_IPV4},
	    {"rules6", "-A INPUT -f -j DROP", FAMILY_IPV4},
	    {"rules6", "*mangle\n-A PREROUTING -j TTL --ttl-set 64\nCOMMIT\n", FAMILY_IPV4},
	    {"rules6", "*mangle\n-A PREROUTING -p tcp -j ECN --ecn-tcp-remove\nCOMMIT\n", FAMILY_IPV4},
	    {"rules6",
	     "-A INPUT -d 192.0.2.9 -i eth0 -j CLUSTERIP --new --hashmode sourceip --clustermac "
	     "01:00:5e:00:00:20 --total-nodes 2 --local-node 1",
	     FAMILY_IPV4},
	};

	(void)state;
	ASSERT_FAMILIES(cases);
}

static void addresses_decide_wherever_they_stand(void **state)
{
	static const struct case_ cases[] = {
	    {"rules", "-A INPUT -s 2001:db8::1 -j DROP", FAMILY_IPV6},
	    {"rules", "-A INPUT ! -s \"2001:db8::1\" -j DROP", FAMILY_IPV6},
	    {"rules", "-A INPUT -s ::/0 -j DROP", FAMILY_IPV6},
	    {"rules", "-A INPUT --destination 2001:db8::/32,2001:db9:: -j DROP", FAMILY_IPV6},
	    {"rules", "-A INPUT -s ::ffff:192.0.2.1 -j DROP", FAMILY_IPV6},
	    {"rules6", "-A INPUT -s 192.0.2.1 -j DROP", FAMILY_IPV4},
	    {"rules6", "-A INPUT -d 192.0.2.0/24,198.51.100.7 -j DROP", FAMILY_IPV4},
	    {"rules6", "-A INPUT -s 10/8 -j DROP", FAMILY_IPV4},
	    {"rules6", "-A INPUT -s 0/0 -j DROP", FAMILY_IPV4},
	    {"rules", "-A INPUT -m iprange --src-range 2001:db8::1-2001:db8::9 -j DROP", FAMILY_IPV6},
	    {"rules6", "-A INPUT -m iprange --dst-range 192.0.2.1-192.0.2.9 -j DROP", FAMILY_IPV4},
	    {"rules", "-A INPUT -m conntrack --ctorigdst 2001:db8::1 -j DROP", FAMILY_IPV6},
	    {"rules", "*nat\n-A PREROUTING -p tcp -j DNAT --to-destination [2001:db8::1]:80\nCOMMIT\n",
	     FAMILY_IPV6},
	    {"rules6", "*nat\n-A PREROUTING -p tcp -j DNAT --to-destination 192.0.2.1:80-90\nCOMMIT\n",
	     FAMILY_IPV4},
	    {"rules6", "*nat\n-A POSTROUTING -j SNAT --to-source=192.0.2.1-192.0.2.9\nCOMMIT\n", FAMILY_IPV4},
	    {"rules",
	     "-A INPUT -m recent --set --name x --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff --rsource",
	     FAMILY_IPV6},
	    {"rules6", "-A INPUT -m recent --set --name x --mask 255.255.255.255 --rsource", FAMILY_IPV4},
	    {"rules", "*mangle\n-A PREROUTING -j TEE --gateway 2001:db8::1\nCOMMIT\n", FAMILY_IPV6},
	};

	(void)state;
	ASSERT_FAMILIES(cases);
}

static void text_that_looks_like_it_says_nothing(void **state)
{
	static const struct case_ cases[] = {
	    {"rules", "-A INPUT -m comment --comment \"not -s 2001:db8::1 -j HL\" -j DROP", FAMILY_IPV4},
	    {"rules", "-A INPUT -m comment --comment -m -j DROP", FAMILY_IPV4},
	    {"rules6", "-A INPUT -m comment --comment \"-s 192.0.2.1\" -j DROP", FAMILY_IPV6},
	    {"rules6", "-A INPUT -j LOG --log-prefix \"a \\\" -s 192.0.2.1 \"", FAMILY_IPV6},
	    {"rules", "# -A INPUT -s 2001:db8::1\n*filter\n-A INPUT -j DROP\nCOMMIT\n", FAMILY_IPV4},
	    /* a chain may have the name of the other family's target */
	    {"rules", ":HL - [0:0]\n-A INPUT -j HL", FAMILY_IPV4},
	    {"rules6", ":TTL - [0:0]\n-A INPUT -j TTL\n-A TTL -j DROP", FAMILY_IPV6},
	    {"rules6", "-N ECN\n-A INPUT -j ECN", FAMILY_IPV6},
	    {"rules", "-A INPUT -g user", FAMILY_IPV4},
	    /* protocols are numbers in both */
	    {"rules", "-A INPUT -p icmp -j DROP\n-A INPUT -p ipv6-icmp -j DROP", FAMILY_IPV4},
	    {"ip6tables", "-A INPUT -p icmp -j DROP", FAMILY_IPV6},
	    {"rules.v4", "-A INPUT -p ipv6-icmp -j DROP", FAMILY_IPV4},
	    {"user6.rules", "-A INPUT -p icmp -j DROP", FAMILY_IPV4},
	    /* a file for both programs */
	    {"rules", "-A INPUT -6 -s 2001:db8::1 -j DROP\n-A INPUT -s 192.0.2.1 -j DROP", FAMILY_IPV4},
	    {"rules", "-A INPUT -6 -s 2001:db8::1 -j DROP\n-A INPUT -j DROP", FAMILY_IPV4},
	    /* a name is not looked up for this */
	    {"rules", "-A INPUT -s localhost -j DROP", FAMILY_IPV4},
	};

	(void)state;
	ASSERT_FAMILIES(cases);
}

static void without_evidence_the_name_decides(void **state)
{
	static const struct case_ cases[] = {
	    {"rules.v6", "-A INPUT -j DROP", FAMILY_IPV6},
	    {"rules.v4", "-A INPUT -j DROP", FAMILY_IPV4},
	    {"ip6tables.dump", "-A INPUT -j DROP", FAMILY_IPV6},
	    {"ip6tables-save", "-A INPUT -j DROP", FAMILY_IPV6},
	    {"host.ip6tables", "-A INPUT -j DROP", FAMILY_IPV6},
	    {"IP6Tables.txt", "-A INPUT -j DROP", FAMILY_IPV6},
	    {"iptables-v6", "-A INPUT -j DROP", FAMILY_IPV6},
	    {"iptables6.save", "-A INPUT -j DROP", FAMILY_IPV6},
	    {"rules_ipv6.txt", "-A INPUT -j DROP", FAMILY_IPV6},
	    {"user6.rules", "-A INPUT -j DROP", FAMILY_IPV6},
	    {"before6", "-A INPUT -j DROP", FAMILY_IPV6},
	    {"iptables-save", "-A INPUT -j DROP", FAMILY_IPV4},
	    {"user.rules", "-A INPUT -j DROP", FAMILY_IPV4},
	    {"rules-2016", "-A INPUT -j DROP", FAMILY_IPV4},
	    {"tmp.aBcDe6", "-A INPUT -j DROP", FAMILY_IPV4},
	    {"weir-test-Xkqzw6", "-A INPUT -j DROP", FAMILY_IPV4},
	    {"rules-2016-06-16.txt", "-A INPUT -j DROP", FAMILY_IPV4},
	    {"rules.16", "-A INPUT -j DROP", FAMILY_IPV4},
	    {"rules-6", "-A INPUT -j DROP", FAMILY_IPV4},
	    {"backup.dev6", "-A INPUT -j DROP", FAMILY_IPV4},
	    {"centos6-iptables", "-A INPUT -j DROP", FAMILY_IPV4},
	    {"ipv4-of-host6.rules", "-A INPUT -j DROP", FAMILY_IPV4},
	    {"rules", "", FAMILY_IPV4},
	};

	(void)state;
	ASSERT_FAMILIES(cases);
}

static void comments_go_before_all_else(void **state)
{
	static const struct case_ cases[] = {
	    {"rules.v6", "# Generated by xtables-save v1.8.2 on x\n*filter\n-A INPUT -j DROP\nCOMMIT\n",
	     FAMILY_IPV6},
	    {"rules.v4", "# Generated by xtables-save v1.8.2 on x\n*filter\n-A INPUT -j DROP\nCOMMIT\n",
	     FAMILY_IPV4},
	    {"rules", "# Generated by hand\n*filter\n-A INPUT -s 2001:db8::1 -j DROP\nCOMMIT\n", FAMILY_IPV6},
	    {"rules", "# Generated by ip6tables-save v1.8.9 on x\n*filter\n-A INPUT -j DROP\nCOMMIT\n",
	     FAMILY_IPV6},
	    {"ip6tables", "# Generated by iptables-save v1.8.9 on x\n*filter\n-A INPUT -j DROP\nCOMMIT\n",
	     FAMILY_IPV4},
	    {"rules",
	     "# Generated by ip6tables-save\n*filter\nCOMMIT\n# Generated by iptables-save\n*raw\nCOMMIT\n",
	     MIXED},
	};

	(void)state;
	ASSERT_FAMILIES(cases);
}

static void evidence_of_both_is_an_error_that_shows_both(void **state)
{
	static const struct case_ cases[] = {
	    {"rules", "-A INPUT -s 192.0.2.1 -j DROP\n-A INPUT -s 2001:db8::1 -j DROP", MIXED},
	    {"rules",
	     "-A INPUT -s 2001:db8::1 -j DROP\n-A INPUT -j REJECT --reject-with icmp-net-unreachable", MIXED},
	    {"rules", "-A INPUT -m ttl --ttl-eq 1 -j DROP\n-A INPUT -m hl --hl-eq 1 -j DROP", MIXED},
	    {"rules.v6", "-A INPUT -s 192.0.2.1 -m hl --hl-eq 1 -j DROP", MIXED},
	};
	struct ruleset *ruleset = NULL;
	struct buffer said = {0};

	(void)state;
	ASSERT_FAMILIES(cases);
	assert_int_equal(
	    load("rules", "-A INPUT -s 192.0.2.1 -j DROP\n-A INPUT -m hl --hl-eq 1 -j DROP", &said, &ruleset),
	    -EINVAL);
	assert_non_null(strstr(said.data,
			       "rules:4:13: error[mixed-family]: this says that the rules are IPv6, after "
			       "what said IPv4\n"));
	assert_non_null(strstr(said.data, "rules:3:13: note: IPv4 here\n"));
	assert_null(strstr(strstr(said.data, "error[") + 1, "error["));
	buffer_fini(&said);
}

#define LEGACY "# Generated by iptables-save v1.8.9 on x\n"
#define NFT "# Generated by iptables-save v1.8.9 (nf_tables) on x\n"

/* The kernel runs raw before filter whosever they are; which of two tables filter comes first nobody knows.
 */
static void tables_of_both_flavours_are_taken_when_their_names_differ(void **state)
{
	struct ruleset *ruleset = NULL;
	struct buffer said = {0};

	(void)state;
	assert_int_equal(load("rules", LEGACY "*raw\n-A PREROUTING -j DROP\nCOMMIT\n" NFT "*filter\nCOMMIT\n",
			      &said, &ruleset),
			 0);
	assert_int_equal(ruleset->tables[FAMILY_IPV4][TABLE_RAW].flavour, FLAVOUR_LEGACY);
	assert_int_equal(ruleset->tables[FAMILY_IPV4][TABLE_FILTER].flavour, FLAVOUR_NFT);
	ruleset_free(ruleset);
	assert_int_equal(load("rules", LEGACY "*filter\nCOMMIT\n" NFT "*filter\n-A INPUT -j DROP\nCOMMIT\n",
			      &said, &ruleset),
			 -EINVAL);
	assert_non_null(strstr(said.data, "error[mixed-flavours]"));
	buffer_fini(&said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_only_one_program_takes_decides),
	    cmocka_unit_test(addresses_decide_wherever_they_stand),
	    cmocka_unit_test(text_that_looks_like_it_says_nothing),
	    cmocka_unit_test(without_evidence_the_name_decides),
	    cmocka_unit_test(comments_go_before_all_else),
	    cmocka_unit_test(evidence_of_both_is_an_error_that_shows_both),
	    cmocka_unit_test(tables_of_both_flavours_are_taken_when_their_names_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
