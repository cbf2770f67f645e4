/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TCP connections over a few segments: what state each has, as nf_conntrack gives it. */
#include "connection_host.h"

#include <string.h>

static void a_connection_is_new_until_it_is_answered(void **state)
{
	(void)state;
	struct host host = host_new(FILTER);
	shake_hands(&host);
	expect(&host, from_peer(ACK, 101, 501, 10), "ESTABLISHED");
	expect(&host, from_host(ACK, 501, 111, 20), "ESTABLISHED");
	expect(&host, from_peer(FIN | ACK, 111, 521, 0), "ESTABLISHED");
	expect(&host, from_host(FIN | ACK, 521, 112, 0), "ESTABLISHED");
	expect(&host, from_peer(ACK, 112, 522, 0), "ESTABLISHED");
	host_free(&host);

	host = host_new(FILTER);
	expect(&host, from_peer(SYN, 100, 0, 0), "NEW");
	expect(&host, from_peer(SYN, 100, 0, 0), "NEW"); /* sent again */
	/* What acknowledges no SYN-ACK is none of the connection's. */
	expect(&host, from_peer(ACK, 101, 501, 0), "INVALID");
	host_free(&host);
}

static void a_segment_out_of_the_window_is_invalid_unless_liberal(void **state)
{
	(void)state;
	for (unsigned liberal = 0; liberal < 2; liberal++) {
		struct host host =
		    host_with(FILTER, (struct engine_options){.empty = true, .tcp_be_liberal = liberal});
		shake_hands(&host);
		expect(&host, from_peer(ACK, 101 + 5000, 501, 10), liberal ? "ESTABLISHED" : "INVALID");
		expect(&host, from_peer(ACK, 101, 501 + 9000, 0), liberal ? "ESTABLISHED" : "INVALID");
		expect(&host, from_peer(ACK, 101, 501, 10), "ESTABLISHED");
		host_free(&host);
	}
}

static void windows_are_scaled_when_both_ends_said_so(void **state)
{
	(void)state;
	struct host host = host_new(FILTER);
	struct sent syn = from_peer(SYN, 100, 0, 0), answer = from_host(SYN | ACK, 500, 101, 0);
	syn.option_size = answer.option_size = 4;
	memcpy(syn.options, (uint8_t[]){1, 3, 3, 7}, 4);
	memcpy(answer.options, (uint8_t[]){1, 3, 3, 7}, 4);
	expect(&host, syn, "NEW");
	expect(&host, answer, "ESTABLISHED");
	expect(&host, from_peer(ACK, 101, 501, 0), "ESTABLISHED");
	expect(&host, from_host(ACK, 501, 101, 0), "ESTABLISHED"); /* window 1000 << 7 */
	expect(&host, from_peer(ACK, 101 + 50000, 501, 10), "ESTABLISHED");
	host_free(&host);
}

static void a_reset_closes_if_its_number_is_right(void **state)
{
	(void)state;
	struct host host = host_new(FILTER);
	shake_hands(&host);
	expect(&host, from_host(ACK, 501, 101, 10), "ESTABLISHED");
	expect(&host, from_peer(ACK, 101, 511, 10), "ESTABLISHED");
	expect(&host, from_host(ACK, 511, 111, 0), "ESTABLISHED");
	expect(&host, from_peer(RST, 50, 0, 0), "INVALID"); /* below what was acknowledged */
	expect(&host, from_peer(RST, 111, 0, 0), "ESTABLISHED");
	/* Ten seconds later the entry is gone, and a SYN begins another. */
	host.now += 11 * SECOND;
	expect(&host, from_peer(SYN, 9000, 0, 0), "NEW");
	host_free(&host);

	/* A closed port: nothing is left but the next SYN. */
	host = host_new(FILTER);
	expect(&host, from_peer(SYN, 100, 0, 0), "NEW");
	expect(&host, from_host(RST | ACK, 0, 101, 0), "ESTABLISHED");
	expect(&host, from_host(RST | ACK, 0, 101, 0), "INVALID");
	expect(&host, from_peer(SYN, 100, 0, 0), "NEW");
	host_free(&host);
}

static void a_port_may_be_used_again_after_a_close(void **state)
{
	(void)state;
	struct host host = host_new(FILTER);
	shake_hands(&host);
	expect(&host, from_peer(FIN | ACK, 101, 501, 0), "ESTABLISHED");
	expect(&host, from_host(FIN | ACK, 501, 102, 0), "ESTABLISHED");
	expect(&host, from_peer(ACK, 102, 502, 0), "ESTABLISHED");
	expect(&host, from_peer(SYN, 70000, 0, 0), "NEW");
	expect(&host, from_host(SYN | ACK, 80000, 70001, 0), "ESTABLISHED");
	host_free(&host);
}

static void a_connection_under_way_is_picked_up(void **state)
{
	(void)state;
	struct host host = host_new(FILTER);
	expect(&host, from_peer(ACK, 5000, 700, 10), "NEW"); /* nf_conntrack_tcp_loose */
	expect(&host, from_host(ACK, 700, 5010, 0), "ESTABLISHED");
	expect(&host, from_peer(ACK, 5010 + 200000, 700, 10), "ESTABLISHED"); /* its windows do not count */
	host_free(&host);
	host = host_new(FILTER);
	expect(&host, from_peer(FIN | ACK, 5000, 700, 0), "INVALID");
	expect(&host, from_peer(SYN | ACK, 5000, 700, 0), "INVALID");
	expect(&host, from_peer(RST, 5000, 0, 0), "INVALID");
	expect(&host, from_peer(SYN | FIN, 5000, 0, 0), "INVALID");
	expect(&host, from_peer(0, 5000, 0, 0), "INVALID");
	host_free(&host);
}

static void a_wrong_checksum_leaves_the_state_open(void **state)
{
	(void)state;
	struct host host = host_new(FILTER);
	struct sent syn = from_peer(SYN, 100, 0, 0);
	syn.wrong_checksum = true;
	expect(&host, syn, "?"); /* INVALID, or sent without one within a machine */
	expect(&host, from_host(SYN | ACK, 500, 101, 0), "?");
	host_free(&host);
	/* Going out none is looked at. */
	host = host_new(FILTER);
	expect(&host, from_peer(SYN, 100, 0, 0), "NEW");
	struct sent answer = from_host(SYN | ACK, 500, 101, 0);
	answer.wrong_checksum = true;
	expect(&host, answer, "ESTABLISHED");
	host_free(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_connection_is_new_until_it_is_answered),
	    cmocka_unit_test(a_segment_out_of_the_window_is_invalid_unless_liberal),
	    cmocka_unit_test(windows_are_scaled_when_both_ends_said_so),
	    cmocka_unit_test(a_reset_closes_if_its_number_is_right),
	    cmocka_unit_test(a_port_may_be_used_again_after_a_close),
	    cmocka_unit_test(a_connection_under_way_is_picked_up),
	    cmocka_unit_test(a_wrong_checksum_leaves_the_state_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
