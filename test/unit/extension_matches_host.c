/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Matches on connections, sockets, routes and other things of the host: what they are read as and print as,
 * and what they say of packets. Nodes of a cluster were taken from the counters of a kernel. */
#include "extension_matches_host_lines.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>

static void reads_and_prints_as_iptables_does(void **state)
{
	(void)state;
	ASSERT_LINES(lines, "");
}

/* 192.0.2.1:1000 -> 198.51.100.1:80, sent on to 10.0.0.1:8080. */
static const struct connection forwarded = {
    .original = {0xc0000201, 0xc6336401, 1000, 80, IPPROTO_TCP},
    .reply = {0x0a000001, 0xc0000201, 8080, 1000, IPPROTO_TCP},
    .status = IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_DST_NAT,
};
static const struct connection answered = {
    .original = {0xc0000201, 0xc6336401, 1000, 80, IPPROTO_TCP},
    .reply = {0xc6336401, 0xc0000201, 80, 1000, IPPROTO_TCP},
    .is_reply = true,
    .status = IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED | IPS_SRC_NAT,
};
static const struct connection expected = {
    .original = {0xc0000201, 0xc6336401, 1000, 20, IPPROTO_TCP},
    .reply = {0xc6336401, 0xc0000201, 20, 1000, IPPROTO_TCP},
    .status = IPS_EXPECTED,
};
static const struct connection pinged = {
    .original = {0xc0000201, 0xc6336401, 7, 7, IPPROTO_ICMP},
    .reply = {0xc6336401, 0xc0000201, 7, 7, IPPROTO_ICMP},
};

struct evaluated_case {
	const char *rule, *packet;
	const struct connection *connection;
	enum truth truth;
};

static const struct evaluated_case evaluated_cases[] = {
    {"-m conntrack --ctproto 6", "state=ESTABLISHED", &forwarded, TRUTH_YES},
    {"-m conntrack ! --ctproto 6", "state=ESTABLISHED", &forwarded, TRUTH_NO},
    {"-m conntrack --ctproto 6", "state=ESTABLISHED", NULL, TRUTH_UNKNOWN},
    /* Without a connection no option is looked at, negated or not; --ctstate alone decides. */
    {"-m conntrack ! --ctproto 6", "state=INVALID", NULL, TRUTH_NO},
    {"-m conntrack --ctstate INVALID --ctproto 6", "state=INVALID", NULL, TRUTH_YES},
    {"-m conntrack --ctorigsrc 192.0.2.0/24", "state=ESTABLISHED", &forwarded, TRUTH_YES},
    {"-m conntrack --ctorigsrc 192.0.3.0/24", "state=ESTABLISHED", &forwarded, TRUTH_NO},
    {"-m conntrack --ctorigdst 198.51.100.1", "state=ESTABLISHED", &forwarded, TRUTH_YES},
    {"-m conntrack ! --ctorigdst 198.51.100.1", "state=ESTABLISHED", &forwarded, TRUTH_NO},
    {"-m conntrack --ctreplsrc 10.0.0.1", "state=ESTABLISHED", &forwarded, TRUTH_YES},
    {"-m conntrack --ctrepldst 10.0.0.1", "state=ESTABLISHED", &forwarded, TRUTH_NO},
    {"-m conntrack --ctorigsrcport 1000:2000", "state=ESTABLISHED", &forwarded, TRUTH_YES},
    {"-m conntrack --ctorigsrcport 2000:1000", "state=ESTABLISHED", &forwarded, TRUTH_NO},
    {"-m conntrack --ctorigdstport 80", "state=ESTABLISHED", &forwarded, TRUTH_YES},
    {"-m conntrack --ctreplsrcport 8080", "state=ESTABLISHED", &forwarded, TRUTH_YES},
    {"-m conntrack ! --ctrepldstport 1000", "state=ESTABLISHED", &forwarded, TRUTH_NO},
    {"-m conntrack --ctorigsrcport 7", "state=NEW", &pinged, TRUTH_YES},
    {"-m conntrack --ctorigdstport 7", "state=NEW", &pinged, TRUTH_UNKNOWN},
    {"-m conntrack --ctstatus ASSURED", "state=ESTABLISHED", &forwarded, TRUTH_NO},
    {"-m conntrack --ctstatus ASSURED,SEEN_REPLY", "state=ESTABLISHED", &forwarded, TRUTH_YES},
    {"-m conntrack --ctstatus NONE", "state=ESTABLISHED", &forwarded, TRUTH_NO},
    {"-m conntrack ! --ctstatus NONE", "state=ESTABLISHED", &forwarded, TRUTH_YES},
    {"-m conntrack --ctexpire 1:4294967295", "state=ESTABLISHED", &forwarded, TRUTH_UNKNOWN},
    {"-m conntrack --ctexpire 1:9 --ctproto 17", "state=ESTABLISHED", &forwarded, TRUTH_NO},
    {"-m conntrack --ctdir ORIGINAL", "state=ESTABLISHED", &forwarded, TRUTH_YES},
    {"-m conntrack --ctdir REPLY", "state=ESTABLISHED", &forwarded, TRUTH_NO},
    {"-m conntrack --ctdir REPLY", "state=ESTABLISHED", &answered, TRUTH_YES},
    {"-m conntrack --ctdir REPLY", "state=NEW", NULL, TRUTH_NO},
    {"-m conntrack --ctdir REPLY", "state=RELATED", NULL, TRUTH_UNKNOWN},
    {"-m conntrack --ctstate DNAT", "state=ESTABLISHED", &forwarded, TRUTH_YES},
    {"-m conntrack --ctstate SNAT", "state=ESTABLISHED", &forwarded, TRUTH_NO},
    {"-m conntrack ! --ctstate SNAT,NEW", "state=ESTABLISHED", &answered, TRUTH_NO},
    {"-m conntrack --ctstate DNAT", "state=ESTABLISHED", NULL, TRUTH_UNKNOWN},
    {"-m conntrack --ctstate DNAT", "state=INVALID", NULL, TRUTH_NO},

    {"-m helper --helper ftp", "state=RELATED", NULL, TRUTH_UNKNOWN},
    {"-m helper --helper ftp", "state=RELATED", &expected, TRUTH_UNKNOWN},
    {"-m helper --helper ftp", "state=ESTABLISHED", &forwarded, TRUTH_NO},
    {"-m helper --helper ftp", "state=NEW", NULL, TRUTH_NO},
    {"-m helper ! --helper ftp", "state=INVALID", NULL, TRUTH_YES},
    {"-m helper ! --helper ftp", "", NULL, TRUTH_UNKNOWN},
    {"-m connlabel --label 5", "state=UNTRACKED", NULL, TRUTH_NO},
    {"-m connlabel ! --label 5 --set", "state=INVALID", NULL, TRUTH_YES},
    {"-m connlabel --label 5", "state=NEW", &forwarded, TRUTH_UNKNOWN},
    {"-m cluster --cluster-total-nodes 5 --cluster-local-node 5 --cluster-hash-seed 0xdeadbeef", "state=NEW",
     &forwarded, TRUTH_YES},
    {"-m cluster --cluster-total-nodes 5 ! --cluster-local-node 5 --cluster-hash-seed 0xdeadbeef",
     "state=NEW", &forwarded, TRUTH_NO},
    {"-m cluster --cluster-total-nodes 5 --cluster-local-nodemask 0xf --cluster-hash-seed 0xdeadbeef",
     "state=NEW", &forwarded, TRUTH_NO},
    {"-m cluster --cluster-total-nodes 5 --cluster-local-node 5 --cluster-hash-seed 1", "state=RELATED",
     &expected, TRUTH_UNKNOWN},
    {"-m cluster --cluster-total-nodes 5 ! --cluster-local-node 5 --cluster-hash-seed 1", "state=INVALID",
     NULL, TRUTH_NO},
    {"-m cluster --cluster-total-nodes 5 --cluster-local-node 5 --cluster-hash-seed 1", "state=NEW", NULL,
     TRUTH_UNKNOWN},
    {"-m realm --realm 5", "src=192.0.2.1", NULL, TRUTH_UNKNOWN},
    {"-m cpu --cpu 0", "", NULL, TRUTH_UNKNOWN},
    {"-m socket", "state=NEW", NULL, TRUTH_UNKNOWN},
    {"-m devgroup --src-group 5", "", NULL, TRUTH_UNKNOWN},
    {"-m cgroup --cgroup 5", "", NULL, TRUTH_UNKNOWN},
    {"-m nfacct --nfacct-name x", "", NULL, TRUTH_UNKNOWN},
    {"-p tcp -m osf --genre Linux", "proto=tcp flags=syn offset=0", NULL, TRUTH_UNKNOWN},
    {"-p tcp -m osf ! --genre Linux", "proto=tcp offset=100", NULL, TRUTH_UNKNOWN},
};

static void evaluate_one(enum family family, const char *table, const struct evaluated_case *each)
{
	struct packet packet;
	struct evaluation evaluation;
	struct loaded loaded = load_rules(family, table, "", each->rule);

	char *copy = strdup(each->packet), *rest = copy;
	packet_from_text("", &packet, &evaluation);
	packet.family = family; /* before its addresses */
	struct connection connection = each->connection ? *each->connection : (struct connection){0};
	if (each->connection)
		evaluation.connection = &connection;
	for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
		char *value = strchr(word, '=');
		if (!value)
			continue;
		*value++ = '\0';
		packet_field(&packet, &evaluation, word, value);
	}
	free(copy);
	const struct match *match = &loaded.rule->matches[0];
	enum truth truth = match->type->evaluate(match, loaded.rule, &packet, &evaluation);
	if (truth != each->truth)
		fail_msg("%s of %s: %d, not %d", each->rule, each->packet, truth, each->truth);
	loaded_free(&loaded);
}

static void evaluates_as_the_kernel_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(evaluated_cases) / sizeof(*evaluated_cases); i++)
		evaluate_one(FAMILY_IPV4, strstr(evaluated_cases[i].rule, "socket") ? "mangle" : "filter",
			     &evaluated_cases[i]);
}

/* Which of five nodes a kernel gave each of these to, with seed 0xdeadbeef. Of IPv6 it takes the first 32
 * bits. */
static void finds_the_node_of_a_cluster(void **state)
{
	static const unsigned char nodes[] = {5, 1, 1, 2, 5, 3, 1, 3, 5, 5, 5, 2};
	(void)state;

	for (unsigned i = 0; i < 2 * sizeof(nodes); i++) {
		bool ipv6 = i >= sizeof(nodes);
		struct connection connection = {.original.source =
						    ipv6 ? (address)0x20010db8 << 96 | (i - sizeof(nodes) + 1)
							 : 0xc0000201 + i};
		for (unsigned node = 1; node <= 5; node++) {
			char rule[128];
			snprintf(
			    rule, sizeof(rule),
			    "-m cluster --cluster-total-nodes 5 --cluster-local-node %u --cluster-hash-seed "
			    "0xdeadbeef",
			    node);
			struct evaluated_case each = {rule, "state=NEW", &connection,
						      node == (ipv6 ? 3 : nodes[i]) ? TRUTH_YES : TRUTH_NO};
			evaluate_one(ipv6 ? FAMILY_IPV6 : FAMILY_IPV4, "filter", &each);
		}
	}
}

static void knows_packets_without_a_source(void **state)
{
	static const struct evaluated_case cases[] = {
	    {"-m rpfilter", "src=::", NULL, TRUTH_YES},
	    {"-m rpfilter --invert", "src=::", NULL, TRUTH_NO},
	    {"-m rpfilter --invert", "src=2001:db8::1", NULL, TRUTH_UNKNOWN},
	    {"-m rpfilter", "", NULL, TRUTH_UNKNOWN},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		evaluate_one(FAMILY_IPV6, "raw", &cases[i]);
}

static void says_what_evaluation_does_to_others(void **state)
{
	static const struct {
		const char *table, *rule;
		unsigned effects;
	} cases[] = {
	    {"mangle", "-m socket --transparent", 0},
	    {"mangle", "-m socket --restore-skmark", EFFECT_UNKNOWN},
	    {"filter", "-m connlabel --label 1", 0},
	    {"filter", "-m connlabel --label 1 --set", EFFECT_CONNTRACK},
	    {"filter", "-p tcp -m osf --genre Linux", 0},
	    {"filter", "-p tcp -m osf --genre Linux --log 0", EFFECT_LOG},
	    {"filter", "-m nfacct --nfacct-name x", EFFECT_COUNTER},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct loaded loaded = load_rules(FAMILY_IPV4, cases[i].table, "", cases[i].rule);
		const struct match *match = &loaded.rule->matches[0];
		assert_int_equal(match->type->effects ? match->type->effects(match) : 0, cases[i].effects);
		loaded_free(&loaded);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_and_prints_as_iptables_does),
	    cmocka_unit_test(evaluates_as_the_kernel_does),
	    cmocka_unit_test(finds_the_node_of_a_cluster),
	    cmocka_unit_test(knows_packets_without_a_source),
	    cmocka_unit_test(says_what_evaluation_does_to_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
