/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What NAT makes of connections: when it rewrites what, and when nothing may be said. */
#include "connection_host.h"

#include <string.h>

static void dnat_rewrites_the_connection_both_ways(void **state)
{
	(void)state;
	struct host host = host_new(NAT("-A PREROUTING -d 192.0.2.1/32 -p udp -m udp --dport 53 -j DNAT "
					"--to-destination 198.18.0.5:5353\n") FILTER);
	expect(&host, udp(PEER, 5000, HOST, 53), "NEW");
	expect_rule(&host, "-j DNAT", true);
	expect_rule(&host, "-A FORWARD", true);
	/* The server's answer comes in at the inside, and leaves as the host's. */
	expect(&host, udp(INSIDE, 5353, PEER, 5000), "ESTABLISHED");
	expect_rule(&host, "-j DNAT", false);
	/* Only the first packet is asked about. */
	expect(&host, udp(PEER, 5000, HOST, 53), "ESTABLISHED");
	expect_rule(&host, "-j DNAT", false);
	expect_rule(&host, "-A FORWARD", true);
	host_free(&host);

	/* Captured outside, the answer has the host's address already. */
	host = host_new(NAT("-A PREROUTING -d 192.0.2.1/32 -p udp -m udp --dport 53 -j DNAT --to-destination "
			    "198.18.0.5:5353\n") FILTER);
	expect(&host, udp(PEER, 5000, HOST, 53), "NEW");
	expect(&host, udp(HOST, 53, PEER, 5000), "ESTABLISHED");
	expect_rule(&host, "-A FORWARD", true);
	host_free(&host);
}

static void an_error_that_left_quotes_what_nat_made(void **state)
{
	(void)state;
	struct host host =
	    host_new(NAT("-A PREROUTING -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353\n") FILTER);
	struct sent query = udp(PEER, 5000, HOST, 53);
	expect(&host, query, "NEW");
	struct sent error = {
	    .source = HOST, .destination = PEER, .protocol = 1, .type = 3, .code = 3, .about = &query};
	expect(&host, error, "?");
	host_free(&host);
}

static void redirected_packets_stay_here(void **state)
{
	(void)state;
	struct host host =
	    host_new(NAT("-A PREROUTING -p udp -m udp --dport 53 -j REDIRECT --to-ports "
			 "5353\n") "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT "
				   "[0:0]\n:OUTPUT ACCEPT [0:0]\n"
				   "-A INPUT -p udp -m udp --dport 5353\n" FILTER_RULES "COMMIT\n");
	expect(&host, udp(PEER, 5000, OTHER, 53), "NEW");
	expect_rule(&host, "-A INPUT -p udp -m udp --dport 5353", true);
	host_free(&host);
}

static void netmap_replaces_the_network(void **state)
{
	(void)state;
	struct host host = host_new(NAT(
	    "-A PREROUTING -d 203.0.113.0/24 -j NETMAP --to 198.18.0.0/24\n") "*filter\n:INPUT ACCEPT "
									      "[0:0]\n:FORWARD ACCEPT "
									      "[0:0]\n:OUTPUT ACCEPT [0:0]\n"
									      "-A FORWARD -d "
									      "198.18.0.9/32\n" FILTER_RULES
									      "COMMIT\n");
	expect(&host, udp(PEER, 5000, OTHER, 53), "NEW");
	expect_rule(&host, "-A FORWARD -d 198.18.0.9/32", true);
	host_free(&host);
}

static void an_address_of_a_range_is_not_known(void **state)
{
	(void)state;
	struct host host = host_new(NAT(
	    "-A PREROUTING -d 192.0.2.1/32 -p udp -j DNAT --to-destination 198.18.0.1-198.18.0.9\n") FILTER);
	pass(&host, udp(PEER, 5000, HOST, 53));
	assert_true(host.unsure); /* delivered or forwarded */
	/* The answer may be any inside host's. */
	expect(&host, udp(INSIDE, 53, PEER, 5000), "?");
	/* Other ways are as they were. */
	struct sent request = {
	    .source = OTHER, .destination = HOST, .source_port = 77, .protocol = 1, .type = 8};
	expect(&host, request, "NEW");
	host_free(&host);
}

static void masquerade_hides_the_reply(void **state)
{
	(void)state;
	struct host host = host_new(NAT("-A POSTROUTING -s 198.18.0.0/15 -j MASQUERADE\n") FILTER);
	expect(&host, udp(INSIDE, 5000, PEER, 53), "NEW");
	/* From outside: its destination is the host's until conntrack is asked, and which it is is not known.
	 */
	expect(&host, udp(PEER, 53, HOST, 5000), "?");
	expect(&host, udp(OTHER, 53, HOST, 5000), "NEW");
	host_free(&host);
	/* Captured outside: as it left, it is found again by its answer, whose destination then is not known.
	 */
	host = host_new(NAT("-A POSTROUTING -o eth0 -j MASQUERADE\n") FILTER);
	pass(&host, udp(HOST, 5000, PEER, 53));
	expect(&host, udp(PEER, 53, HOST, 5000), "?");
	host_free(&host);
}

static void two_connections_have_no_key_in_common(void **state)
{
	(void)state;
	struct host host = host_new(NAT("-A INPUT -p udp -j SNAT --to-source 198.18.0.5:2000\n"
					"-A INPUT -p esp -j SNAT --to-source 198.18.0.5\n") FILTER);
	struct sent first[] = {udp(PEER, 5000, HOST, 53),
			       {.source = PEER, .destination = HOST, .protocol = 50}};
	struct sent second[] = {udp(OTHER, 5000, HOST, 53),
				{.source = OTHER, .destination = HOST, .protocol = 50}};
	for (int i = 0; i < 2; i++) {
		expect(&host, first[i], "NEW");
		expect_rule(&host, "-j SNAT", true);
		assert_int_equal(host.outcome.verdicts, VERDICT_ACCEPT);
		expect(&host, first[i], "NEW");
		expect_rule(&host, "-j SNAT", false);
		/* There is no other port: it is dropped where it would be confirmed, and new each time. */
		for (int again = 0; again < 2; again++) {
			expect(&host, second[i], "NEW");
			expect_rule(&host, "-j SNAT", true);
			assert_int_equal(host.outcome.verdicts, VERDICT_DROP);
		}
	}
	host_free(&host);
}

static void what_may_have_the_key_of_another_may_be_dropped(void **state)
{
	(void)state;
	/* The interface's address is not known: another connection may have been redirected to it from there.
	 */
	struct host host = host_new(NAT("-A PREROUTING -p esp -j REDIRECT\n"
					"-A INPUT -p esp -j SNAT --to-source 198.18.0.5\n") FILTER);
	pass(&host, (struct sent){.source = PEER, .destination = HOST, .protocol = 50});
	assert_int_equal(host.outcome.verdicts, VERDICT_ACCEPT | VERDICT_DROP);
	/* With ports there is always a free one. */
	host_free(&host);
	host = host_new(NAT("-A PREROUTING -p udp -j REDIRECT\n-A INPUT -p udp -j SNAT --to-source "
			    "198.18.0.5\n") FILTER);
	pass(&host, udp(PEER, 5000, HOST, 53));
	assert_int_equal(host.outcome.verdicts, VERDICT_ACCEPT);
	host_free(&host);
}

static void snat_to_one_address_is_known(void **state)
{
	(void)state;
	struct host host =
	    host_new(NAT("-A POSTROUTING -s 198.18.0.0/15 -j SNAT --to-source 192.0.2.1\n") FILTER);
	expect(&host, udp(INSIDE, 5000, PEER, 53), "NEW");
	expect(&host, udp(PEER, 53, HOST, 5000), "ESTABLISHED");
	expect_rule(&host, "-A FORWARD", true); /* back to the inside */
	/* A second one from the same port gets another: which is not known. */
	expect(&host, udp(INSIDE + 1, 5000, PEER, 53), "NEW");
	expect(&host, udp(PEER, 53, HOST, 5001), "?");
	host_free(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dnat_rewrites_the_connection_both_ways),
	    cmocka_unit_test(an_error_that_left_quotes_what_nat_made),
	    cmocka_unit_test(redirected_packets_stay_here),
	    cmocka_unit_test(netmap_replaces_the_network),
	    cmocka_unit_test(an_address_of_a_range_is_not_known),
	    cmocka_unit_test(masquerade_hides_the_reply),
	    cmocka_unit_test(two_connections_have_no_key_in_common),
	    cmocka_unit_test(what_may_have_the_key_of_another_may_be_dropped),
	    cmocka_unit_test(snat_to_one_address_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
