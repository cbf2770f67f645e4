/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The matches that limit rates, remember addresses and compare what the packet or its connection carries:
 * mac, limit, hashlimit, recent, addrtype, owner, iprange, mark, connmark, pkttype, ttl, hl, statistic,
 * quota, connbytes, connlimit, physdev, policy, sctp and time. */
#include "extension_rules.h"

#include "extension/extension.h"
#include "extension/fields.h"
#include "extension/session.h"
#include "extension_matches_rate_lines.h"

#include <netinet/in.h>

#define SECOND 1000000000ull
#define NOON (1700000000ull * SECOND) /* Tuesday, 2023-11-14 22:13:20 UTC */

static void reads_and_prints_as_iptables_does(void **state)
{
	(void)state;
	ASSERT_LINES(lines, "");
}

static void names_the_option_whose_value_is_wrong(void **state)
{
	(void)state;
	struct loaded loaded =
	    load_chain(FAMILY_IPV4, "filter", "X", "", "-m limit --limit 3/min --limit-burst 20000");
	assert_null(loaded.rule);
	assert_non_null(strstr(loaded.messages.data, "--limit-burst"));
	loaded_free(&loaded);
}

/* --- one packet after the other */

struct run {
	struct loaded loaded;
	struct session *session;
	struct packet packet;
	struct evaluation evaluation;
};

static void run_begin(struct run *run, const char *rules)
{
	*run = (struct run){.loaded = load_rules(FAMILY_IPV4, "filter", "", rules)};
	run->session = session_new(1);
	assert_non_null(run->session);
}

static void run_end(struct run *run)
{
	session_free(run->session);
	loaded_free(&run->loaded);
}

/* What the n-th rule's first match says of the packet that many milliseconds after the first. */
static enum truth run_rule(struct run *run, size_t rule, const char *packet, uint64_t milliseconds)
{
	const struct rule *one = &run->loaded.rule->chain->rules[rule];

	packet_from_text(packet, &run->packet, &run->evaluation);
	run->packet.time = NOON + milliseconds * (SECOND / 1000);
	run->packet.known |= KNOWN_TIME | KNOWN_LENGTH;
	run->packet.length = 100;
	run->evaluation.session = run->session;
	run->evaluation.certain = true;
	return one->matches[0].type->evaluate(&one->matches[0], one, &run->packet, &run->evaluation);
}

static unsigned count_yes(struct run *run, size_t rule, const char *packet, uint64_t milliseconds,
			  unsigned packets)
{
	unsigned count = 0;

	for (unsigned i = 0; i < packets; i++) {
		enum truth truth = run_rule(run, rule, packet, milliseconds);
		assert_int_not_equal(truth, TRUTH_UNKNOWN);
		count += truth == TRUTH_YES;
	}
	return count;
}

static void limit_is_a_token_bucket(void **state)
{
	struct run run;
	(void)state;

	run_begin(&run, "-m limit --limit 6/min --limit-burst 3");
	assert_int_equal(count_yes(&run, 0, "", 0, 10), 3);
	assert_int_equal(count_yes(&run, 0, "", 9900, 1), 0);
	assert_int_equal(count_yes(&run, 0, "", 10000, 5), 1);
	assert_int_equal(count_yes(&run, 0, "", 31000, 5), 2);
	assert_int_equal(count_yes(&run, 0, "", 3600000, 10), 3); /* no more than the burst */
	assert_int_equal(count_yes(&run, 0, "", 3000000, 10), 0); /* time does not step back */
	run_end(&run);
}

static void state_that_may_have_moved_unseen_is_unknown(void **state)
{
	struct run run;
	(void)state;

	run_begin(&run, "-m limit --limit 6/min --limit-burst 3");
	const struct rule *rule = run.loaded.rule;
	assert_int_equal(run_rule(&run, 0, "", 0), TRUTH_YES);
	run.evaluation.certain = false;
	assert_int_equal(
	    rule->matches[0].type->evaluate(&rule->matches[0], rule, &run.packet, &run.evaluation),
	    TRUTH_UNKNOWN);
	assert_int_equal(run_rule(&run, 0, "", 100000), TRUTH_UNKNOWN);
	run_end(&run);

	run_begin(&run, "-m statistic --mode nth --every 2 --packet 0");
	rule = run.loaded.rule;
	packet_from_text("", &run.packet, &run.evaluation); /* no session, and not certain */
	assert_int_equal(
	    rule->matches[0].type->evaluate(&rule->matches[0], rule, &run.packet, &run.evaluation),
	    TRUTH_UNKNOWN);
	run_end(&run);

	run_begin(&run, "-m hashlimit --hashlimit-upto 3/min --hashlimit-mode srcip --hashlimit-name a");
	assert_int_equal(run_rule(&run, 0, "src=192.0.2.1", 0), TRUTH_YES);
	assert_int_equal(run_rule(&run, 0, "", 0), TRUTH_UNKNOWN); /* whose bucket? */
	assert_int_equal(run_rule(&run, 0, "src=192.0.2.1", 0), TRUTH_UNKNOWN);
	run_end(&run);
}

static void rules_of_one_line_with_two_addresses_count_for_themselves(void **state)
{
	struct run run;
	(void)state;

	run_begin(&run, "-s 192.0.2.1,192.0.2.2 -m limit --limit 1/min --limit-burst 1");
	assert_int_equal(count_yes(&run, 0, "src=192.0.2.1", 0, 3), 1);
	assert_int_equal(count_yes(&run, 1, "src=192.0.2.2", 0, 3), 1);
	run_end(&run);
}

static void hashlimit_has_a_bucket_for_each_group(void **state)
{
	struct run run;
	(void)state;

	run_begin(&run, "-m hashlimit --hashlimit-upto 6/min --hashlimit-burst 2 --hashlimit-mode "
			"srcip,dstport --hashlimit-srcmask 24 --hashlimit-name a\n"
			"-m hashlimit --hashlimit-above 6/min --hashlimit-burst 2 --hashlimit-mode "
			"srcip,dstport --hashlimit-srcmask 24 --hashlimit-name a");
	assert_int_equal(count_yes(&run, 0, "src=192.0.2.1 proto=icmp", 0, 5), 2); /* port 0 */
	assert_int_equal(count_yes(&run, 0, "src=192.0.2.9 proto=icmp", 0, 5), 0);
	assert_int_equal(count_yes(&run, 0, "src=198.51.100.1 proto=icmp", 0, 5), 2);
	/* The same table: nothing is left there for the other rule, either. */
	assert_int_equal(count_yes(&run, 1, "src=192.0.2.1 proto=icmp", 0, 3), 3);
	assert_int_equal(count_yes(&run, 0, "src=192.0.2.1 proto=icmp", 10000, 5), 1);
	/* An entry that was idle for a minute is forgotten, and begins with its burst. */
	assert_int_equal(count_yes(&run, 0, "src=192.0.2.1 proto=icmp", 72000, 5), 2);
	run_end(&run);
}

static void hashlimit_of_one_name_and_two_rates_is_unknown(void **state)
{
	struct run run;
	(void)state;

	run_begin(&run, "-m hashlimit --hashlimit-upto 6/min --hashlimit-name a\n"
			"-m hashlimit --hashlimit-upto 7/min --hashlimit-name a\n"
			"-m hashlimit --hashlimit-upto 7/min --hashlimit-name b");
	assert_int_equal(run_rule(&run, 0, "", 0), TRUTH_UNKNOWN);
	assert_int_equal(run_rule(&run, 2, "", 0), TRUTH_YES);
	run_end(&run);
}

static void hashlimit_counts_bytes(void **state)
{
	struct run run;
	(void)state;

	/* Packets of 100 bytes are seven chunks of 16, and 1000 bytes 63: nine are had at once. */
	run_begin(&run, "-m hashlimit --hashlimit-upto 1000b/s --hashlimit-name a");
	assert_int_equal(count_yes(&run, 0, "", 0, 20), 9);
	assert_int_equal(count_yes(&run, 0, "", 500, 20), 4);
	run_end(&run);

	run_begin(&run, "-m hashlimit --hashlimit-upto 1000b/s --hashlimit-burst 2000 --hashlimit-name a");
	assert_int_equal(count_yes(&run, 0, "", 0, 50), 9 * 4);
	run_end(&run);
}

static void hashlimit_matches_rates(void **state)
{
	struct run run;
	(void)state;

	run_begin(&run, "-m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 2 --hashlimit-rate-match "
			"--hashlimit-name a");
	assert_int_equal(count_yes(&run, 0, "", 0, 20), 7); /* rate and burst */
	assert_int_equal(count_yes(&run, 0, "", 500, 1), 0);
	assert_int_equal(count_yes(&run, 0, "", 1000, 20), 0); /* the second before was above the rate */
	assert_int_equal(count_yes(&run, 0, "", 9000, 3), 3);
	run_end(&run);
}

static void hashlimit_drops_when_its_table_is_full(void **state)
{
	struct run run;
	char packet[32];
	(void)state;

	run_begin(&run,
		  "-m hashlimit --hashlimit-upto 6/min --hashlimit-mode srcip --hashlimit-htable-size 4 "
		  "--hashlimit-htable-max 4 --hashlimit-name a");
	for (unsigned i = 1; i <= 5; i++) {
		snprintf(packet, sizeof(packet), "src=192.0.2.%u", i);
		assert_int_equal(run_rule(&run, 0, packet, 0), i < 5 ? TRUTH_YES : TRUTH_NO);
		assert_int_equal(run.evaluation.hot_drop, i == 5);
	}
	assert_int_equal(run_rule(&run, 0, "src=192.0.2.7", 62000), TRUTH_YES); /* all expired */
	run_end(&run);
}

static void hashlimit_keeps_many_entries(void **state)
{
	struct run run;
	char packet[32];
	(void)state;

	run_begin(&run, "-m hashlimit --hashlimit-upto 6/min --hashlimit-burst 1 --hashlimit-mode srcip "
			"--hashlimit-name a");
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 2000; i++) {
			snprintf(packet, sizeof(packet), "src=198.18.%u.%u", i / 256, i % 256);
			assert_int_equal(run_rule(&run, 0, packet, 0), round ? TRUTH_NO : TRUTH_YES);
		}
	run_end(&run);
}

static void recent_remembers_addresses(void **state)
{
	struct run run;
	(void)state;

	run_begin(&run, "-m recent --set --name a\n"
			"-m recent --rcheck --name a\n"
			"-m recent --rcheck --seconds 60 --hitcount 3 --name a\n"
			"-m recent --update --seconds 60 --name a\n"
			"-m recent --remove --name a\n"
			"-m recent ! --rcheck --name a\n"
			"-m recent --rcheck --name b");
	const char *one = "src=192.0.2.1", *other = "src=192.0.2.2";
	assert_int_equal(run_rule(&run, 1, one, 0), TRUTH_NO);
	assert_int_equal(run_rule(&run, 5, one, 0), TRUTH_YES);
	assert_int_equal(run_rule(&run, 0, one, 0), TRUTH_YES);
	assert_int_equal(run_rule(&run, 1, one, 1000), TRUTH_YES);
	assert_int_equal(run_rule(&run, 1, other, 1000), TRUTH_NO);
	assert_int_equal(run_rule(&run, 6, one, 1000), TRUTH_NO);
	assert_int_equal(run_rule(&run, 2, one, 1000), TRUTH_NO);
	assert_int_equal(run_rule(&run, 0, one, 2000), TRUTH_YES);
	assert_int_equal(run_rule(&run, 0, one, 3000), TRUTH_YES);
	assert_int_equal(run_rule(&run, 2, one, 4000), TRUTH_YES);
	assert_int_equal(run_rule(&run, 2, one, 62500), TRUTH_NO); /* one of the three is left */
	assert_int_equal(run_rule(&run, 3, one, 62900), TRUTH_YES);
	assert_int_equal(run_rule(&run, 3, one, 122800), TRUTH_YES);
	assert_int_equal(run_rule(&run, 3, one, 182900), TRUTH_NO);
	assert_int_equal(run_rule(&run, 4, one, 183000), TRUTH_YES);
	assert_int_equal(run_rule(&run, 4, one, 183000), TRUTH_NO);
	run_end(&run);
}

static void recent_masks_reaps_and_forgets_the_oldest(void **state)
{
	struct run run;
	char packet[32];
	(void)state;

	run_begin(&run, "-m recent --set --name a --mask 255.255.255.0\n"
			"-m recent --rcheck --name a --mask 255.255.255.0");
	assert_int_equal(run_rule(&run, 0, "src=192.0.2.1", 0), TRUTH_YES);
	assert_int_equal(run_rule(&run, 1, "src=192.0.2.200", 0), TRUTH_YES);
	run_end(&run);

	run_begin(&run, "-m recent --set --name a --mask 255.255.255.0\n-m recent --rcheck --name a");
	assert_int_equal(run_rule(&run, 0, "src=192.0.2.1", 0), TRUTH_UNKNOWN); /* whose mask? */
	run_end(&run);

	run_begin(&run, "-m recent --set --name a\n-m recent --rcheck --name a");
	for (unsigned i = 0; i < 101; i++) {
		snprintf(packet, sizeof(packet), "src=198.51.100.%u", i);
		assert_int_equal(run_rule(&run, 0, packet, i), TRUTH_YES);
	}
	assert_int_equal(run_rule(&run, 1, "src=198.51.100.0", 200), TRUTH_NO);
	assert_int_equal(run_rule(&run, 1, "src=198.51.100.1", 200), TRUTH_YES);
	run_end(&run);

	run_begin(&run, "-m recent --set --name a\n-m recent --rcheck --seconds 10 --reap --name a\n"
			"-m recent --rcheck --name a");
	assert_int_equal(run_rule(&run, 0, "src=192.0.2.1", 0), TRUTH_YES);
	assert_int_equal(run_rule(&run, 0, "src=192.0.2.2", 9000), TRUTH_YES);
	assert_int_equal(run_rule(&run, 1, "src=192.0.2.2", 11000), TRUTH_YES); /* takes the first one out */
	assert_int_equal(run_rule(&run, 2, "src=192.0.2.1", 11000), TRUTH_NO);
	assert_int_equal(run_rule(&run, 2, "src=192.0.2.2", 11000), TRUTH_YES);
	run_end(&run);
}

static void recent_only_looks_where_it_only_checks(void **state)
{
	struct run run;
	(void)state;

	run_begin(&run, "-m recent --rcheck --name a\n-m recent --update --name a\n"
			"-m recent --rcheck --seconds 3 --reap --name a");
	const struct rule *rules = run.loaded.rule->chain->rules;
	assert_int_equal(rules[0].matches[0].type->effects(&rules[0].matches[0]), 0);
	assert_int_equal(rules[1].matches[0].type->effects(&rules[1].matches[0]), EFFECT_STATE);
	assert_int_equal(rules[2].matches[0].type->effects(&rules[2].matches[0]), EFFECT_STATE);
	run_end(&run);
}

static void nth_counts_and_quota_ends(void **state)
{
	struct run run;
	(void)state;

	run_begin(&run, "-m statistic --mode nth --every 3 --packet 1\n"
			"-m statistic --mode nth ! --every 2 --packet 0\n"
			"-m quota --quota 250\n"
			"-m quota ! --quota 250\n"
			"-m statistic --mode random --probability 1\n"
			"-m statistic --mode random ! --probability 1\n"
			"-m statistic --mode random --probability 0.25");
	static const enum truth third[] = {TRUTH_NO, TRUTH_YES, TRUTH_NO, TRUTH_NO, TRUTH_YES, TRUTH_NO};
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(run_rule(&run, 0, "", 0), third[i]);
		assert_int_equal(run_rule(&run, 1, "", 0), i % 2 ? TRUTH_YES : TRUTH_NO);
		assert_int_equal(run_rule(&run, 2, "", 0), i < 2 ? TRUTH_YES : TRUTH_NO);
		assert_int_equal(run_rule(&run, 3, "", 0), i < 2 ? TRUTH_NO : TRUTH_YES);
	}
	assert_int_equal(run_rule(&run, 4, "", 0), TRUTH_YES);
	assert_int_equal(run_rule(&run, 5, "", 0), TRUTH_NO);
	unsigned quarter = count_yes(&run, 6, "", 0, 4000);
	assert_in_range(quarter, 880, 1120);
	run_end(&run);
}

/* --- one packet by itself */

struct time_case {
	const char *rule;
	uint64_t time; /* seconds since 1970 */
	enum truth truth;
};

/* Day 19723 is 2024-01-01, a Monday. */
#define AT(days, hours, minutes) (((days)*24ull + (hours)) * 3600 + (minutes)*60ull)

static const struct time_case time_cases[] = {
    {"-m time --timestart 08:00 --timestop 17:00", AT(19723, 7, 59), TRUTH_NO},
    {"-m time --timestart 08:00 --timestop 17:00", AT(19723, 8, 0), TRUTH_YES},
    {"-m time --timestart 08:00 --timestop 17:00", AT(19723, 17, 0), TRUTH_YES},
    {"-m time --timestart 08:00 --timestop 17:00", AT(19723, 17, 1), TRUTH_NO},
    {"-m time --timestart 22:00 --timestop 06:00", AT(19723, 23, 0), TRUTH_YES},
    {"-m time --timestart 22:00 --timestop 06:00", AT(19723, 12, 0), TRUTH_NO},
    {"-m time --weekdays Mon", AT(19723, 12, 0), TRUTH_YES},
    {"-m time --weekdays Mon", AT(19724, 12, 0), TRUTH_NO},
    {"-m time --weekdays Sun", AT(19722, 12, 0), TRUTH_YES},
    {"-m time ! --weekdays Sun", AT(19722, 12, 0), TRUTH_NO},
    {"-m time --weekdays Mon --timestart 22:00 --timestop 06:00", AT(19724, 3, 0), TRUTH_NO},
    {"-m time --weekdays Mon --timestart 22:00 --timestop 06:00 --contiguous", AT(19724, 3, 0), TRUTH_YES},
    {"-m time --weekdays Mon --timestart 22:00 --timestop 06:00 --contiguous", AT(19723, 3, 0), TRUTH_NO},
    {"-m time --monthdays 1", AT(19723, 3, 0), TRUTH_YES},
    {"-m time --monthdays 31", AT(19722, 3, 0), TRUTH_YES},
    {"-m time --monthdays 31", AT(19723, 3, 0), TRUTH_NO},
    {"-m time --datestart 2024-01-01T12:00:00", AT(19723, 11, 59), TRUTH_NO},
    {"-m time --datestart 2024-01-01T12:00:00", AT(19723, 12, 0), TRUTH_YES},
    {"-m time --datestop 2024-01-01T12:00:00", AT(19723, 12, 1), TRUTH_NO},
    {"-m time", AT(24855, 3, 14), TRUTH_YES},
    {"-m time", AT(24856, 0, 0), TRUTH_NO}, /* behind 31 bits of seconds */
    {"-m time --kerneltz", AT(19723, 12, 0), TRUTH_UNKNOWN},
};

static void time_tells_days_and_hours(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(time_cases) / sizeof(*time_cases); i++) {
		struct loaded loaded = load_rules(FAMILY_IPV4, "filter", "", time_cases[i].rule);
		struct packet packet;
		struct evaluation evaluation;
		const struct match *match = loaded.rule->matches;
		packet_from_text("", &packet, &evaluation);
		assert_int_equal(match->type->evaluate(match, loaded.rule, &packet, &evaluation),
				 TRUTH_UNKNOWN);
		packet.known |= KNOWN_TIME;
		packet.time = time_cases[i].time * SECOND;
		if (match->type->evaluate(match, loaded.rule, &packet, &evaluation) != time_cases[i].truth)
			fail_msg("%s, case %zu", time_cases[i].rule, i);
		loaded_free(&loaded);
	}
}

static void packet_of_family(enum family family, const char *text, struct packet *packet,
			     struct evaluation *evaluation)
{
	char copy[128], *rest = copy;

	packet_from_text(family == FAMILY_IPV4 ? text : "", packet, evaluation);
	packet->family = family;
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *key = strsep(&rest, " "); family == FAMILY_IPV6 && key; key = strsep(&rest, " ")) {
		char *value = strchr(key, '=');
		assert_non_null(value);
		*value++ = '\0';
		packet_field(packet, evaluation, key, value);
	}
}

struct field_case {
	enum family family;
	const char *rule, *packet;
	enum truth truth;
};

static const struct field_case field_cases[] = {
    {FAMILY_IPV4, "-m iprange --src-range 192.0.2.3-192.0.2.9", "src=192.0.2.3", TRUTH_YES},
    {FAMILY_IPV4, "-m iprange --src-range 192.0.2.3-192.0.2.9", "src=192.0.2.10", TRUTH_NO},
    {FAMILY_IPV4, "-m iprange ! --src-range 192.0.2.3-192.0.2.9", "src=192.0.2.10", TRUTH_YES},
    {FAMILY_IPV4, "-m iprange --src-range 192.0.2.9-192.0.2.3", "src=192.0.2.5", TRUTH_NO},
    {FAMILY_IPV4, "-m iprange --src-range 192.0.2.9-192.0.2.3", "", TRUTH_NO},
    {FAMILY_IPV4, "-m iprange --src-range 192.0.2.3 --dst-range 192.0.2.1", "src=192.0.2.3", TRUTH_UNKNOWN},
    {FAMILY_IPV4, "-m iprange --src-range 192.0.2.3 --dst-range 192.0.2.1", "src=192.0.2.4", TRUTH_NO},
    {FAMILY_IPV4, "-m addrtype --dst-type MULTICAST", "dst=224.0.0.1", TRUTH_YES},
    {FAMILY_IPV4, "-m addrtype ! --dst-type MULTICAST", "dst=239.255.255.255", TRUTH_NO},
    {FAMILY_IPV4, "-m addrtype --dst-type LOCAL", "dst=239.255.255.255", TRUTH_NO},
    {FAMILY_IPV4, "-m addrtype --dst-type LOCAL,BROADCAST", "dst=255.255.255.255", TRUTH_YES},
    {FAMILY_IPV4, "-m addrtype --src-type BROADCAST", "src=0.0.0.0", TRUTH_YES},
    {FAMILY_IPV4, "-m addrtype --dst-type LOCAL", "dst=192.0.2.1", TRUTH_UNKNOWN},
    {FAMILY_IPV4, "-m addrtype --src-type MULTICAST --dst-type LOCAL", "src=224.0.0.1 dst=192.0.2.1",
     TRUTH_UNKNOWN},
    {FAMILY_IPV4, "-m addrtype ! --src-type MULTICAST --dst-type LOCAL", "src=224.0.0.1 dst=192.0.2.1",
     TRUTH_NO},
    {FAMILY_IPV6, "-m addrtype --dst-type MULTICAST", "dst=ff02::1", TRUTH_YES},
    {FAMILY_IPV6, "-m addrtype --dst-type UNICAST", "dst=ff02::1", TRUTH_NO},
    {FAMILY_IPV6, "-m addrtype --dst-type UNICAST", "dst=2001:db8::1", TRUTH_YES},
    {FAMILY_IPV6, "-m addrtype --dst-type UNICAST", "dst=::", TRUTH_NO},
    {FAMILY_IPV6, "-m addrtype --dst-type UNSPEC", "dst=::", TRUTH_YES},
    {FAMILY_IPV6, "-m addrtype --dst-type UNICAST", "dst=::ffff:192.0.2.1", TRUTH_NO},
    /* of several kinds IPv6 wants all */
    {FAMILY_IPV6, "-m addrtype --dst-type UNICAST,MULTICAST", "dst=2001:db8::1", TRUTH_NO},
    {FAMILY_IPV6, "-m addrtype --dst-type LOCAL", "dst=2001:db8::1", TRUTH_UNKNOWN},
    {FAMILY_IPV6, "-m addrtype --dst-type LOCAL,MULTICAST", "dst=2001:db8::1", TRUTH_NO},
    {FAMILY_IPV4, "-m connmark --mark 1", "state=UNTRACKED", TRUTH_NO},
    {FAMILY_IPV4, "-m connmark ! --mark 1", "state=INVALID", TRUTH_NO},
    {FAMILY_IPV4, "-m connmark ! --mark 1", "state=NEW", TRUTH_UNKNOWN},
    {FAMILY_IPV4, "-m connbytes --connbytes 5: --connbytes-mode bytes --connbytes-dir both", "state=INVALID",
     TRUTH_NO},
    {FAMILY_IPV4, "-m owner --uid-owner 0", "src=192.0.2.1", TRUTH_UNKNOWN},
    {FAMILY_IPV4, "-m connlimit --connlimit-above 3", "state=NEW", TRUTH_UNKNOWN},
    {FAMILY_IPV4, "-m physdev --physdev-is-bridged", "", TRUTH_UNKNOWN},
    {FAMILY_IPV4, "-m policy --dir in --pol ipsec", "", TRUTH_UNKNOWN},
    {FAMILY_IPV4, "-p sctp -m sctp --dport 80", "proto=sctp dport=80", TRUTH_YES},
    {FAMILY_IPV4, "-p sctp -m sctp ! --dport 80", "proto=sctp dport=81 sport=1", TRUTH_YES},
    {FAMILY_IPV4, "-p sctp -m sctp ! --dport 80", "proto=sctp offset=9", TRUTH_NO},
    {FAMILY_IPV4, "-p sctp -m sctp --dport 80 --chunk-types any INIT", "proto=sctp dport=80", TRUTH_UNKNOWN},
    {FAMILY_IPV4, "-p sctp -m sctp --dport 80 --chunk-types any INIT", "proto=sctp dport=81", TRUTH_NO},
};

static void compares_what_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(field_cases) / sizeof(*field_cases); i++) {
		const struct field_case *one = &field_cases[i];
		struct loaded loaded = load_rules(one->family, "filter", "", one->rule);
		struct packet packet;
		struct evaluation evaluation;
		const struct match *match = loaded.rule->matches;
		packet_of_family(one->family, one->packet, &packet, &evaluation);
		if (match->type->evaluate(match, loaded.rule, &packet, &evaluation) != one->truth)
			fail_msg("%s: %s", one->rule, one->packet);
		loaded_free(&loaded);
	}
}

struct value_case {
	const char *rule;
	uint32_t known, value; /* KNOWN_...: what the value is put in */
	enum truth truth;
};

static const struct value_case value_cases[] = {
    {"-m ttl --ttl-eq 64", KNOWN_TTL, 64, TRUTH_YES},
    {"-m ttl ! --ttl-eq 64", KNOWN_TTL, 64, TRUTH_NO},
    {"-m ttl --ttl-lt 64", KNOWN_TTL, 63, TRUTH_YES},
    {"-m ttl --ttl-lt 64", KNOWN_TTL, 64, TRUTH_NO},
    {"-m ttl --ttl-gt 64", KNOWN_TTL, 65, TRUTH_YES},
    {"-m mark --mark 0x12/0xff", KNOWN_MARK, 0x3412, TRUTH_YES},
    {"-m mark --mark 0x3412/0xff", KNOWN_MARK, 0x3412, TRUTH_NO},
    {"-m mark ! --mark 0", KNOWN_MARK, 0, TRUTH_NO},
    {"-m pkttype --pkt-type multicast", KNOWN_TYPE, PACKET_MULTICAST, TRUTH_YES},
    {"-m pkttype ! --pkt-type broadcast", KNOWN_TYPE, PACKET_UNICAST, TRUTH_YES},
    {"-m pkttype --pkt-type otherhost", KNOWN_TYPE, PACKET_UNICAST, TRUTH_NO},
    {"-m mac --mac-source 00:53:00:00:00:07", KNOWN_MAC, 7, TRUTH_YES},
    {"-m mac ! --mac-source 00:53:00:00:00:07", KNOWN_MAC, 7, TRUTH_NO},
    {"-m mac --mac-source 00:53:00:00:00:07", KNOWN_MAC, 8, TRUTH_NO},
};

static void compares_what_the_frame_carries(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(value_cases) / sizeof(*value_cases); i++) {
		const struct value_case *one = &value_cases[i];
		struct loaded loaded = load_rules(FAMILY_IPV4, "filter", "", one->rule);
		struct evaluation evaluation = {0};
		struct packet packet = {.known = one->known,
					.ttl = (uint8_t)one->value,
					.mark = one->value,
					.type = (enum packet_type)one->value,
					.mac = {0, 0x53, 0, 0, 0, (uint8_t)one->value}};
		const struct match *match = loaded.rule->matches;
		if (match->type->evaluate(match, loaded.rule, &packet, &evaluation) != one->truth)
			fail_msg("%s: %u", one->rule, one->value);
		packet.known = 0;
		assert_int_equal(match->type->evaluate(match, loaded.rule, &packet, &evaluation),
				 TRUTH_UNKNOWN);
		loaded_free(&loaded);
	}
}

struct connection_case {
	const char *rule;
	enum truth truth;
};

/* Mark 0x1f; three packets and 300 bytes one way, one and 1000 back. */
static const struct connection_case connection_cases[] = {
    {"-m connmark --mark 0x1f", TRUTH_YES},
    {"-m connmark ! --mark 0xf/0xf", TRUTH_NO},
    {"-m connbytes --connbytes 3:3 --connbytes-mode packets --connbytes-dir original", TRUTH_YES},
    {"-m connbytes --connbytes 4 --connbytes-mode packets --connbytes-dir original", TRUTH_NO},
    {"-m connbytes --connbytes 4 --connbytes-mode packets --connbytes-dir both", TRUTH_YES},
    {"-m connbytes --connbytes 1000 --connbytes-mode bytes --connbytes-dir reply", TRUTH_YES},
    {"-m connbytes ! --connbytes 1000:2000 --connbytes-mode bytes --connbytes-dir reply", TRUTH_NO},
    {"-m connbytes --connbytes 325:325 --connbytes-mode avgpkt --connbytes-dir both", TRUTH_YES},
};

static void compares_what_the_connection_carries(void **state)
{
	struct connection connection = {.mark = 0x1f, .packets = {3, 1}, .bytes = {300, 1000}};
	(void)state;

	for (size_t i = 0; i < sizeof(connection_cases) / sizeof(*connection_cases); i++) {
		struct loaded loaded = load_rules(FAMILY_IPV4, "filter", "", connection_cases[i].rule);
		struct packet packet;
		struct evaluation evaluation;
		const struct match *match = loaded.rule->matches;
		packet_from_text("state=ESTABLISHED", &packet, &evaluation);
		evaluation.connection = &connection;
		if (match->type->evaluate(match, loaded.rule, &packet, &evaluation) !=
		    connection_cases[i].truth)
			fail_msg("%s", connection_cases[i].rule);
		loaded_free(&loaded);
	}
}

/* --- SCTP chunks */

#define CHUNK(type, flags, length) type, flags, 0, length
static const uint8_t two_chunks[] = {CHUNK(3, 0, 6), 1, 2, 0, 0, CHUNK(0, 3, 4)}; /* SACK, DATA:BE */
static const uint8_t no_length[] = {CHUNK(3, 0, 0)};
static const uint8_t cut_off[] = {CHUNK(3, 0, 4), 1, 0};

struct chunk_case {
	const char *rule;
	const uint8_t *chunks;
	size_t size;
	enum truth truth;
	bool hot_drop;
};

static const struct chunk_case chunk_cases[] = {
    {"any DATA,INIT", two_chunks, sizeof(two_chunks), TRUTH_YES, false},
    {"any INIT", two_chunks, sizeof(two_chunks), TRUTH_NO, false},
    {"any DATA:BE", two_chunks, sizeof(two_chunks), TRUTH_YES, false},
    {"any DATA:Be", two_chunks, sizeof(two_chunks), TRUTH_NO, false},
    {"any DATA:u", two_chunks, sizeof(two_chunks), TRUTH_YES, false},
    {"all DATA,SACK", two_chunks, sizeof(two_chunks), TRUTH_YES, false},
    {"all DATA", two_chunks, sizeof(two_chunks), TRUTH_YES, false},
    {"all DATA,SACK,INIT", two_chunks, sizeof(two_chunks), TRUTH_NO, false},
    {"only DATA,SACK,INIT", two_chunks, sizeof(two_chunks), TRUTH_YES, false},
    {"only DATA", two_chunks, sizeof(two_chunks), TRUTH_NO, false},
    {"only DATA:b,SACK", two_chunks, sizeof(two_chunks), TRUTH_NO, false},
    {"only ALL", two_chunks, sizeof(two_chunks), TRUTH_YES, false},
    {"any DATA", no_length, sizeof(no_length), TRUTH_NO, true},
    {"any DATA", cut_off, sizeof(cut_off), TRUTH_NO, true},
    {"any SACK", cut_off, sizeof(cut_off), TRUTH_YES, false}, /* seen before the end */
    {"only DATA", cut_off, sizeof(cut_off), TRUTH_NO, false},
};

static void walks_the_chunks_of_sctp(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(chunk_cases) / sizeof(*chunk_cases); i++) {
		const struct chunk_case *one = &chunk_cases[i];
		uint8_t bytes[64] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, IPPROTO_SCTP};
		char rule[64];
		memcpy(bytes + 32, one->chunks, one->size);
		snprintf(rule, sizeof(rule), "-p sctp -m sctp --chunk-types %s", one->rule);
		struct loaded loaded = load_rules(FAMILY_IPV4, "filter", "", rule);
		const struct match *match = loaded.rule->matches;
		struct evaluation evaluation = {0};
		struct packet packet = {.known = KNOWN_FRAGMENT | KNOWN_PROTOCOL | KNOWN_LENGTH | KNOWN_BYTES,
					.protocol = IPPROTO_SCTP,
					.bytes = bytes,
					.bytes_size = (uint32_t)(32 + one->size),
					.length = (uint32_t)(32 + one->size),
					.transport = 20};
		if (match->type->evaluate(match, loaded.rule, &packet, &evaluation) != one->truth ||
		    evaluation.hot_drop != one->hot_drop)
			fail_msg("%s, case %zu", one->rule, i);
		loaded_free(&loaded);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_and_prints_as_iptables_does),
	    cmocka_unit_test(names_the_option_whose_value_is_wrong),
	    cmocka_unit_test(limit_is_a_token_bucket),
	    cmocka_unit_test(state_that_may_have_moved_unseen_is_unknown),
	    cmocka_unit_test(rules_of_one_line_with_two_addresses_count_for_themselves),
	    cmocka_unit_test(hashlimit_has_a_bucket_for_each_group),
	    cmocka_unit_test(hashlimit_of_one_name_and_two_rates_is_unknown),
	    cmocka_unit_test(hashlimit_counts_bytes),
	    cmocka_unit_test(hashlimit_matches_rates),
	    cmocka_unit_test(hashlimit_drops_when_its_table_is_full),
	    cmocka_unit_test(hashlimit_keeps_many_entries),
	    cmocka_unit_test(recent_remembers_addresses),
	    cmocka_unit_test(recent_masks_reaps_and_forgets_the_oldest),
	    cmocka_unit_test(recent_only_looks_where_it_only_checks),
	    cmocka_unit_test(nth_counts_and_quota_ends),
	    cmocka_unit_test(time_tells_days_and_hours),
	    cmocka_unit_test(compares_what_is_known),
	    cmocka_unit_test(compares_what_the_frame_carries),
	    cmocka_unit_test(compares_what_the_connection_carries),
	    cmocka_unit_test(walks_the_chunks_of_sctp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
