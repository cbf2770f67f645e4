/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Connections over a few packets: what state each packet has, as nf_conntrack gives it, when NAT rewrites
 * what, and when nothing may be said. The packets are made by hand; those of 192.0.2.1 were captured as they
 * left the host, all others as they came in. */
#include "engine/engine.h"
#include "read/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND ((uint64_t)1000000000)
#define LINK_RAW 101

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

#define HOST 0xc0000201   /* 192.0.2.1 */
#define PEER 0xc6336407   /* 198.51.100.7 */
#define OTHER 0xcb007109  /* 203.0.113.9 */
#define INSIDE 0xc6120005 /* 198.18.0.5 */

/* --- packets
 * ------------------------------------------------------------------------------------------------------- */

struct sent {
	uint32_t source, destination;
	uint16_t source_port, destination_port;
	uint8_t protocol, flags, type, code;
	uint32_t sequence, acknowledgement;
	uint16_t window;
	uint16_t payload;
	bool wrong_checksum, more_fragments;
	uint8_t options[12], option_size; /* of TCP */
	const struct sent *about;         /* ICMP error */
};

static void put_16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_32(uint8_t *at, uint32_t value)
{
	put_16(at, value >> 16);
	put_16(at + 2, value & 0xffff);
}

static uint32_t sum_of(const uint8_t *data, size_t size)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < size; i++)
		sum += i & 1 ? data[i] : (uint32_t)data[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t make(const struct sent *sent, uint8_t bytes[512])
{
	uint8_t *transport = bytes + 20;
	size_t size;
	memset(bytes, 0, 512);
	if (sent->protocol == 6) {
		size = 20 + sent->option_size;
		put_16(transport, sent->source_port);
		put_16(transport + 2, sent->destination_port);
		put_32(transport + 4, sent->sequence);
		put_32(transport + 8, sent->acknowledgement);
		transport[12] = (uint8_t)(size / 4 << 4);
		transport[13] = sent->flags;
		put_16(transport + 14, sent->window ? sent->window : 1000);
		memcpy(transport + 20, sent->options, sent->option_size);
	} else if (sent->protocol == 17) {
		size = 8;
		put_16(transport, sent->source_port);
		put_16(transport + 2, sent->destination_port);
		put_16(transport + 4, 8u + sent->payload);
	} else if (sent->protocol == 1) {
		size = 8;
		transport[0] = sent->type;
		transport[1] = sent->code;
		if (!sent->about)
			put_16(transport + 4, sent->source_port);
		if (sent->about) {
			uint8_t quoted[512];
			make(sent->about, quoted);
			memcpy(transport + 8, quoted, 28);
			size += 28;
		}
	} else {
		size = 4;
	}
	size += sent->payload;
	bytes[0] = 0x45;
	put_16(bytes + 2, (uint32_t)(20 + size));
	if (sent->more_fragments)
		bytes[6] = 0x20;
	bytes[8] = 64;
	bytes[9] = sent->protocol;
	put_32(bytes + 12, sent->source);
	put_32(bytes + 16, sent->destination);
	put_16(bytes + 10, fold(sum_of(bytes, 20)));
	uint32_t sum = sum_of(transport, size);
	if (sent->protocol != 1)
		sum += sum_of(bytes + 12, 8) + sent->protocol + (uint32_t)size;
	uint16_t checksum = (uint16_t)(fold(sum) + sent->wrong_checksum);
	if (sent->protocol == 6)
		put_16(transport + 16, checksum);
	if (sent->protocol == 17)
		put_16(transport + 6, checksum);
	if (sent->protocol == 1)
		put_16(transport + 2, checksum);
	return 20 + size;
}

/* --- a host
 * -------------------------------------------------------------------------------------------------------- */

struct host {
	struct ruleset *ruleset;
	struct engine *engine;
	uint64_t now;
	/* Of the last packet. */
	char matched[4096]; /* rules that surely matched, each with a newline */
	bool unsure;
	struct outcome outcome;
};

static struct ruleset *load(const char *text)
{
	int fd = memfd_create("rules.v4", 0);
	char path[64];
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	const char *paths[] = {path};
	struct diagnostics *sink = diagnostics_new();
	struct ruleset *ruleset = NULL;
	int result = rules_load(paths, 1, sink, &ruleset);
	struct buffer messages = {0};
	diagnostics_print(sink, &messages);
	if (result)
		print_error("%s", messages.data ? messages.data : "no message\n");
	assert_int_equal(result, 0);
	buffer_fini(&messages);
	diagnostics_free(sink);
	close(fd);
	return ruleset;
}

static const struct engine_local locals[] = {{FAMILY_IPV4, HOST, HOST}};

static struct host host_with(const char *rules, struct engine_options options)
{
	struct host host = {.ruleset = load(rules), .now = 1000 * SECOND};
	options.locals = locals;
	options.local_count = 1;
	options.follow = true;
	assert_int_equal(engine_new(host.ruleset, &options, &host.engine), 0);
	return host;
}

static struct host host_new(const char *rules)
{
	return host_with(rules, (struct engine_options){.empty = true});
}

static void host_free(struct host *host)
{
	engine_free(host->engine);
	ruleset_free(host->ruleset);
}

static void trace(void *context, const struct step *step)
{
	struct host *host = context;
	if (step->kind != STEP_RULE)
		return;
	host->unsure |= step->truth == TRUTH_UNKNOWN;
	if (step->truth != TRUTH_YES)
		return;
	struct text text = rule_text(step->rule);
	size_t used = strlen(host->matched);
	snprintf(host->matched + used, sizeof(host->matched) - used, "%.*s\n", (int)text.size, text.data);
}

static void pass(struct host *host, struct sent sent)
{
	uint8_t bytes[512];
	struct packet packet;
	enum link_verdict link;
	size_t size = make(&sent, bytes);
	assert_int_equal(packet_decode(LINK_RAW, bytes, size, size, &packet, &link), 0);
	assert_int_equal(link, FRAME_OK);
	packet.time = host->now;
	packet.known |= KNOWN_TIME;
	host->matched[0] = '\0';
	host->unsure = false;
	enum origin origin = sent.source == HOST ? ORIGIN_LEAVING : ORIGIN_RECEIVED;
	assert_int_equal(engine_packet(host->engine, &packet, origin, trace, host, &host->outcome), 0);
}

#define STATES(chain)                                                                                        \
	"-A " chain " -m conntrack --ctstate NEW -j ACCEPT\n"                                                \
	"-A " chain " -m conntrack --ctstate ESTABLISHED -j ACCEPT\n"                                        \
	"-A " chain " -m conntrack --ctstate RELATED -j ACCEPT\n"                                            \
	"-A " chain " -m conntrack --ctstate INVALID -j ACCEPT\n"                                            \
	"-A " chain " -m conntrack --ctstate UNTRACKED -j ACCEPT\n"
#define FILTER_RULES STATES("INPUT") STATES("OUTPUT") STATES("FORWARD")
#define FILTER                                                                                               \
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" FILTER_RULES "COMMIT"  \
	"\n"
#define NAT(rules)                                                                                           \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT "    \
	"[0:0]\n" rules "COMMIT\n"
#define RAW(rules) "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" rules "COMMIT\n"

/* The state that the rules saw, by those of FILTER: "NEW" and so on, or "?". */
static const char *state_seen(const struct host *host)
{
	static const char *const names[] = {"NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"};
	if (host->unsure)
		return "?";
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char wanted[64];
		snprintf(wanted, sizeof(wanted), "--ctstate %s -j ACCEPT\n", names[i]);
		if (strstr(host->matched, wanted))
			return names[i];
	}
	return "none";
}

static void expect_at(struct host *host, int line, struct sent sent, const char *state)
{
	pass(host, sent);
	if (strcmp(state_seen(host), state) != 0)
		print_error("line %d: %s, expected %s\n%s", line, state_seen(host), state, host->matched);
	assert_string_equal(state_seen(host), state);
}
#define expect(host, sent, state) expect_at(host, __LINE__, sent, state)

static void expect_rule(const struct host *host, const char *rule, bool matches)
{
	if ((strstr(host->matched, rule) != NULL) != matches)
		print_error("%s: %s\n%s", rule, matches ? "did not match" : "matched", host->matched);
	assert_int_equal(strstr(host->matched, rule) != NULL, matches);
}

static struct sent from_peer(uint8_t flags, uint32_t sequence, uint32_t acknowledgement, uint16_t payload)
{
	return (struct sent){.source = PEER,
			     .destination = HOST,
			     .source_port = 40000,
			     .destination_port = 443,
			     .protocol = 6,
			     .flags = flags,
			     .sequence = sequence,
			     .acknowledgement = acknowledgement,
			     .payload = payload};
}

static struct sent from_host(uint8_t flags, uint32_t sequence, uint32_t acknowledgement, uint16_t payload)
{
	struct sent sent = from_peer(flags, sequence, acknowledgement, payload);
	sent.source = HOST;
	sent.destination = PEER;
	sent.source_port = 443;
	sent.destination_port = 40000;
	return sent;
}

static struct sent udp(uint32_t source, uint16_t source_port, uint32_t destination, uint16_t destination_port)
{
	return (struct sent){.source = source,
			     .destination = destination,
			     .source_port = source_port,
			     .destination_port = destination_port,
			     .protocol = 17,
			     .payload = 4};
}

static void shake_hands(struct host *host)
{
	expect(host, from_peer(SYN, 100, 0, 0), "NEW");
	expect(host, from_host(SYN | ACK, 500, 101, 0), "ESTABLISHED");
	expect(host, from_peer(ACK, 101, 501, 0), "ESTABLISHED");
}

/* --- TCP
 * -----------------------------------------------------------------------------------------------------------
 */

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

/* --- NAT
 * ------------------------------------------------------------------------------------------------------------
 */

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
	    cmocka_unit_test(a_connection_is_new_until_it_is_answered),
	    cmocka_unit_test(a_segment_out_of_the_window_is_invalid_unless_liberal),
	    cmocka_unit_test(windows_are_scaled_when_both_ends_said_so),
	    cmocka_unit_test(a_reset_closes_if_its_number_is_right),
	    cmocka_unit_test(a_port_may_be_used_again_after_a_close),
	    cmocka_unit_test(a_connection_under_way_is_picked_up),
	    cmocka_unit_test(a_wrong_checksum_leaves_the_state_open),
	    cmocka_unit_test(a_reply_makes_udp_established),
	    cmocka_unit_test(entries_time_out),
	    cmocka_unit_test(echo_replies_belong_to_requests),
	    cmocka_unit_test(errors_are_related_to_what_they_are_about),
	    cmocka_unit_test(other_protocols_go_by_their_addresses),
	    cmocka_unit_test(notrack_keeps_packets_out),
	    cmocka_unit_test(what_is_dropped_opens_no_connection),
	    cmocka_unit_test(what_may_have_been_dropped_leaves_the_rest_open),
	    cmocka_unit_test(fragments_leave_the_rest_open),
	    cmocka_unit_test(what_was_under_way_before_the_capture_is_not_known),
	    cmocka_unit_test(a_full_table_says_so),
	    cmocka_unit_test(tables_come_in_the_order_of_the_kernel),
	    cmocka_unit_test(marks_are_carried_from_table_to_table),
	    cmocka_unit_test(a_mark_perhaps_set_is_not_known),
	    cmocka_unit_test(a_zone_is_not_followed),
	    cmocka_unit_test(dnat_rewrites_the_connection_both_ways),
	    cmocka_unit_test(an_error_that_left_quotes_what_nat_made),
	    cmocka_unit_test(redirected_packets_stay_here),
	    cmocka_unit_test(netmap_replaces_the_network),
	    cmocka_unit_test(an_address_of_a_range_is_not_known),
	    cmocka_unit_test(masquerade_hides_the_reply),
	    cmocka_unit_test(snat_to_one_address_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
