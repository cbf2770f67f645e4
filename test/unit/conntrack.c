/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Connections over a few packets, without TCP and NAT: what state each packet has, as nf_conntrack gives it,
 * and when nothing may be said; and which way packets take through the tables. */
#include "connection_host.h"

#include <stdio.h>
#include <string.h>

/* --- others
 * ---------------------------------------------------------------------------------------------------------
 */

static void a_reply_makes_udp_established(void **state)
{
	(void)state;
	struct host host = host_new(FILTER);
	expect(&host, udp(HOST, 5000, PEER, 53), "NEW");
	expect(&host, udp(PEER, 53, HOST, 5000), "ESTABLISHED");
	expect(&host, udp(HOST, 5000, PEER, 53), "ESTABLISHED");
	expect(&host, udp(PEER, 53, HOST, 5001), "NEW"); /* another port */
	host_free(&host);
}

static void entries_time_out(void **state)
{
	(void)state;
	struct host host = host_new(FILTER);
	expect(&host, udp(PEER, 53, HOST, 5000), "NEW");
	host.now += 29 * SECOND;
	expect(&host, udp(PEER, 53, HOST, 5000), "NEW");
	expect(&host, udp(HOST, 5000, PEER, 53), "ESTABLISHED");
	/* Older than two seconds when the next one after the reply comes: 120. */
	expect(&host, udp(PEER, 53, HOST, 5000), "ESTABLISHED");
	host.now += 31 * SECOND;
	expect(&host, udp(PEER, 53, HOST, 5000), "ESTABLISHED");
	host.now += 119 * SECOND;
	expect(&host, udp(PEER, 53, HOST, 5000), "ESTABLISHED");
	host.now += 121 * SECOND;
	expect(&host, udp(PEER, 53, HOST, 5000), "NEW");
	/* At the very moment it is not known. */
	host.now += 30 * SECOND;
	expect(&host, udp(PEER, 53, HOST, 5000), "?");
	host_free(&host);

	host = host_new(FILTER);
	expect(&host, from_peer(SYN, 100, 0, 0), "NEW");
	host.now += 121 * SECOND;
	expect(&host, from_host(SYN | ACK, 500, 101, 0), "INVALID");
	host_free(&host);
}

static void echo_replies_belong_to_requests(void **state)
{
	(void)state;
	struct host host = host_new(FILTER);
	struct sent request = {
	    .source = PEER, .destination = HOST, .source_port = 77, .protocol = 1, .type = 8};
	struct sent reply = {.source = HOST, .destination = PEER, .source_port = 77, .protocol = 1};
	expect(&host, request, "NEW");
	expect(&host, reply, "ESTABLISHED");
	expect(&host, request, "ESTABLISHED");
	struct sent stray = {.source = PEER, .destination = HOST, .source_port = 78, .protocol = 1};
	expect(&host, stray, "INVALID");
	host_free(&host);
}

static void errors_are_related_to_what_they_are_about(void **state)
{
	(void)state;
	struct host host = host_new(FILTER);
	struct sent query = udp(HOST, 5000, PEER, 53), other = udp(HOST, 5001, PEER, 53);
	struct sent error = {.source = OTHER, .destination = HOST, .protocol = 1, .type = 3, .about = &query};
	expect(&host, error, "INVALID");
	expect(&host, query, "NEW");
	expect(&host, error, "RELATED");
	error.about = &other;
	expect(&host, error, "INVALID");
	host_free(&host);
}

static void other_protocols_go_by_their_addresses(void **state)
{
	(void)state;
	struct host host = host_new(FILTER);
	struct sent esp = {.source = PEER, .destination = HOST, .protocol = 50};
	struct sent back = {.source = HOST, .destination = PEER, .protocol = 50};
	expect(&host, esp, "NEW");
	expect(&host, back, "ESTABLISHED");
	expect(&host, esp, "ESTABLISHED");
	/* Not followed. */
	struct sent sctp = {.source = PEER, .destination = HOST, .protocol = 132, .payload = 12};
	expect(&host, sctp, "?");
	/* ICMPv6 in IPv4: a connection or INVALID, by its type. */
	struct sent strange = {.source = PEER, .destination = HOST, .protocol = 58, .payload = 12};
	expect(&host, strange, "?");
	host_free(&host);
}

static void notrack_keeps_packets_out(void **state)
{
	(void)state;
	struct host host = host_new(RAW("-A PREROUTING -p udp -m udp --dport 53 -j NOTRACK\n") FILTER);
	expect(&host, udp(PEER, 5000, HOST, 53), "UNTRACKED");
	expect(&host, udp(HOST, 53, PEER, 5000), "NEW"); /* its answer is tracked: no rule in OUTPUT */
	expect(&host, udp(PEER, 5000, HOST, 53), "UNTRACKED");
	host_free(&host);
}

static void what_came_through_is_confirmed(void **state)
{
	(void)state;
	struct host host =
	    host_new("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
		     "-A INPUT -m conntrack --ctstatus CONFIRMED\n" FILTER_RULES "COMMIT\n");
	expect(&host, udp(PEER, 5000, HOST, 53), "NEW");
	expect_rule(&host, "--ctstatus CONFIRMED", false);
	expect(&host, udp(PEER, 5000, HOST, 53), "NEW");
	expect_rule(&host, "--ctstatus CONFIRMED", true);
	host_free(&host);
}

static void what_is_dropped_opens_no_connection(void **state)
{
	(void)state;
	struct host host =
	    host_new("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
		     "-A INPUT -p udp -m udp --dport 9 -j DROP\n" FILTER_RULES "COMMIT\n");
	pass(&host, udp(PEER, 5000, HOST, 9));
	assert_int_equal(host.outcome.verdicts, VERDICT_DROP);
	expect(&host, udp(HOST, 9, PEER, 5000), "NEW");
	host_free(&host);
}

static void what_may_have_been_dropped_leaves_the_rest_open(void **state)
{
	(void)state;
	/* --physdev-in of a capture is not known. */
	struct host host =
	    host_new("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
		     "-A INPUT -i eth9 -p udp -m udp --dport 9 -j DROP\n" FILTER_RULES "COMMIT\n");
	pass(&host, udp(PEER, 5000, HOST, 9));
	assert_int_equal(host.outcome.verdicts, VERDICT_DROP | VERDICT_ACCEPT);
	expect(&host, udp(HOST, 9, PEER, 5000), "?");
	/* Others are as they were. */
	expect(&host, udp(HOST, 10, PEER, 5000), "NEW");
	host_free(&host);
}

static void fragments_leave_the_rest_open(void **state)
{
	(void)state;
	struct host host = host_new(FILTER);
	struct sent first = udp(PEER, 5000, HOST, 53);
	first.more_fragments = true;
	expect(&host, first, "?");
	expect(&host, udp(HOST, 53, PEER, 5000), "?");
	host_free(&host);
}

static void what_was_under_way_before_the_capture_is_not_known(void **state)
{
	(void)state;
	struct host host = host_with(FILTER, (struct engine_options){0});
	expect(&host, udp(PEER, 5000, HOST, 53), "?");
	/* One packet each way: established, whichever came first. */
	expect(&host, udp(HOST, 53, PEER, 5000), "?");
	expect(&host, udp(PEER, 5000, HOST, 53), "ESTABLISHED");
	/* A handshake seen whole is one. */
	expect(&host, from_peer(SYN, 100, 0, 0), "?");
	expect(&host, from_host(SYN | ACK, 500, 101, 0), "?");
	expect(&host, from_peer(ACK, 101, 501, 0), "?");
	expect(&host, from_peer(ACK, 101, 501, 10), "ESTABLISHED");
	expect(&host, from_peer(ACK, 101 + 5000, 501, 10), "INVALID");
	/* After the longest timeout there is nothing left of before. */
	host.now += 301 * SECOND;
	expect(&host, udp(PEER, 5001, HOST, 53), "NEW");
	struct sent syn = from_peer(SYN, 100, 0, 0);
	syn.source_port = 40001;
	expect(&host, syn, "NEW");
	struct sent middle = from_peer(ACK, 100, 500, 0);
	middle.source_port = 40002;
	expect(&host, middle, "?");
	host_free(&host);
}

static void a_full_table_says_so(void **state)
{
	(void)state;
	struct host host = host_with(FILTER, (struct engine_options){.empty = true, .connections = 2});
	expect(&host, udp(PEER, 5000, HOST, 53), "NEW");
	expect(&host, udp(PEER, 5001, HOST, 53), "NEW");
	expect(&host, udp(PEER, 5002, HOST, 53), "?");
	expect(&host, udp(PEER, 5000, HOST, 53), "NEW");
	expect(&host, udp(PEER, 5003, HOST, 53), "?");
	host_free(&host);
}

/* --- the way
 * ----------------------------------------------------------------------------------------------------------
 */

#define SAY(chain, word) "-A " chain " -p udp -m comment --comment " word "\n"
#define NAT_CHAINS                                                                                           \
	NAT(SAY("PREROUTING", "np") SAY("INPUT", "ni") SAY("OUTPUT", "no") SAY("POSTROUTING", "nq"))
#define OTHER_TABLES                                                                                         \
	"*security\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" SAY("INPUT", "si")   \
	    SAY("FORWARD", "sf")                                                                             \
		SAY("OUTPUT",                                                                                \
		    "so") "COMMIT\n"                                                                         \
			  "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" SAY( \
			      "INPUT", "fi") SAY("FORWARD", "ff")                                            \
			      SAY("OUTPUT",                                                                  \
				  "fo") "COMMIT\n"                                                           \
					"*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD "  \
					"ACCEPT [0:0]\n:OUTPUT ACCEPT "                                      \
					"[0:0]\n:POSTROUTING ACCEPT [0:0]\n" SAY("PREROUTING", "mp")         \
					    SAY("INPUT", "mi") SAY("FORWARD", "mf") SAY("OUTPUT", "mo")      \
						SAY("POSTROUTING", "mq") "COMMIT\n" RAW(                     \
						    SAY("PREROUTING", "rp") SAY("OUTPUT", "ro"))

/* The comments of the rules that matched, in order. */
static void expect_way(struct host *host, struct sent sent, const char *way)
{
	char words[256] = "";
	pass(host, sent);
	for (const char *at = host->matched; (at = strstr(at, "--comment "));) {
		at += strlen("--comment ");
		size_t used = strlen(words);
		snprintf(words + used, sizeof(words) - used, "%.2s ", at);
	}
	assert_string_equal(words, way);
}

static void tables_come_in_the_order_of_the_kernel(void **state)
{
	(void)state;
	struct host host = host_new(OTHER_TABLES NAT_CHAINS);
	expect_way(&host, udp(PEER, 1, HOST, 2), "rp mp np mi fi si ni ");
	expect_way(&host, udp(PEER, 1, HOST, 2), "rp mp mi fi si "); /* nat is asked once */
	expect_way(&host, udp(PEER, 1, OTHER, 2), "rp mp np mf ff sf mq nq ");
	expect_way(&host, udp(HOST, 2, PEER, 1), "ro mo fo so mq ");
	/* What begins with the host's address may have got it from nat. */
	expect_way(&host, udp(HOST, 3, PEER, 4), "");
	host_free(&host);
	host = host_new(OTHER_TABLES NAT(SAY("OUTPUT", "no")));
	expect_way(&host, udp(HOST, 3, PEER, 4), "ro mo no fo so mq ");
	host_free(&host);
}

static void marks_are_carried_from_table_to_table(void **state)
{
	(void)state;
	struct host host = host_new(
	    "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT "
	    "[0:0]\n:POSTROUTING ACCEPT [0:0]\n-A PREROUTING -s 198.51.100.7/32 -j MARK --set-xmark "
	    "0x7/0xffffffff\nCOMMIT\n"
	    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	    "-A INPUT -m mark --mark 0x7 -j DROP\nCOMMIT\n");
	pass(&host, udp(PEER, 1, HOST, 2));
	assert_int_equal(host.outcome.verdicts, VERDICT_DROP);
	pass(&host, udp(OTHER, 1, HOST, 2));
	assert_int_equal(host.outcome.verdicts, VERDICT_ACCEPT);
	host_free(&host);
}

static void a_mark_perhaps_set_is_not_known(void **state)
{
	(void)state;
	struct host host = host_new(
	    "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT "
	    "[0:0]\n:POSTROUTING ACCEPT [0:0]\n-A PREROUTING -i eth9 -j MARK --set-xmark "
	    "0x7/0xffffffff\nCOMMIT\n"
	    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	    "-A INPUT -m mark --mark 0x7 -j DROP\nCOMMIT\n");
	pass(&host, udp(PEER, 1, HOST, 2));
	assert_int_equal(host.outcome.verdicts, VERDICT_DROP | VERDICT_ACCEPT);
	host_free(&host);
}

static void a_zone_is_not_followed(void **state)
{
	(void)state;
	struct host host = host_new(RAW("-A PREROUTING -s 198.51.100.7/32 -j CT --zone 5\n"
					"-A PREROUTING -s 198.51.100.7/32 -j NOTRACK\n") FILTER);
	expect(&host, udp(PEER, 1, HOST, 2), "?");
	expect(&host, udp(OTHER, 1, HOST, 2), "NEW");
	host_free(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_reply_makes_udp_established),
	    cmocka_unit_test(entries_time_out),
	    cmocka_unit_test(echo_replies_belong_to_requests),
	    cmocka_unit_test(errors_are_related_to_what_they_are_about),
	    cmocka_unit_test(other_protocols_go_by_their_addresses),
	    cmocka_unit_test(notrack_keeps_packets_out),
	    cmocka_unit_test(what_came_through_is_confirmed),
	    cmocka_unit_test(what_is_dropped_opens_no_connection),
	    cmocka_unit_test(what_may_have_been_dropped_leaves_the_rest_open),
	    cmocka_unit_test(fragments_leave_the_rest_open),
	    cmocka_unit_test(what_was_under_way_before_the_capture_is_not_known),
	    cmocka_unit_test(a_full_table_says_so),
	    cmocka_unit_test(tables_come_in_the_order_of_the_kernel),
	    cmocka_unit_test(marks_are_carried_from_table_to_table),
	    cmocka_unit_test(a_mark_perhaps_set_is_not_known),
	    cmocka_unit_test(a_zone_is_not_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
