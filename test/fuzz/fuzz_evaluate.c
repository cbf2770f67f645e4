// SPDX-License-Identifier: GPL-2.0-or-later
/* Evaluation: frames, one after the other, through a ruleset that has every match on bytes of the packet,
 * targets that change those, NAT and matches with memory, in both families. Nothing may crash, and
 *
 * - two engines that see the same frames say the same of each, whatever addresses the frames lie at;
 * - of what is known less of, more is possible: a packet of which a part was not captured, or with fields
 * that are not known, may come to everything that the whole packet comes to. */
#include "engine/engine.h"
#include "extension/session.h"
#include "fuzz.h"
#include "parity/frames.h"

#include <stdarg.h>

#define FRAMES_MAX 8
#define GROUPS 16 /* the packet's mark says which group of matches it meets */

/* --- the rules */

static const char *const both[] = {
    "-m length --length 40:60",
    "-m length ! --length 28",
    "-m dscp --dscp 0x2e",
    "-m tos --tos 0x10/0x3f",
    "-m ecn --ecn-ip-ect 1",
    "-p tcp -m ecn --ecn-tcp-ece ! --ecn-tcp-cwr",
    "-m string --string weir --algo bm --icase",
    "-m string --string rr --algo kmp --from 20 --to 90",
    "-m string ! --hex-string \"|0000|\" --algo bm --from 40",
    "-m u32 --u32 \"0>>22&0x3C@12>>26&0x3C@0=0:1000\"",
    "-m u32 ! --u32 \"6&0xFF=17&&4&0x1FFF=0&&0>>22&0x3C@0>>24=0\"",
    "-m u32 --u32 \"0@0@0@0=0:0xffffffff\"",
    "-m bpf --bytecode \"4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0\"",
    "-m bpf --bytecode \"5,177 0 0 0,72 0 0 2,21 0 1 443,6 0 0 1,6 0 0 0\"",
    "-m bpf --bytecode \"5,128 0 0 0,7 0 0 0,48 0 0 0,60 0 0 0,22 0 0 0\"",
    "-m bpf --bytecode \"6,32 0 0 4294963220,2 0 0 3,96 0 0 3,7 0 0 0,80 0 0 4294967290,22 0 0 0\"",
    "-p tcp -m tcp --sport 1:1023 --tcp-flags SYN,ACK SYN --tcp-option 2",
    "-p tcp -m tcp ! --tcp-option 8",
    "-p tcp -m tcpmss --mss 536:1460",
    "-p tcp -m tcpmss ! --mss 0",
    "-p udp -m udp ! --dport 53",
    "-p dccp -m dccp --sport 1 --dccp-types REQUEST,INVALID",
    "-p dccp -m dccp ! --dccp-option 44",
    "-p sctp -m sctp --chunk-types any DATA:Be,INIT",
    "-p sctp -m sctp ! --chunk-types only ABORT:T",
    "-p esp -m esp --espspi 1:256",
    "-p ipcomp -m ipcomp --ipcompspi 1:256",
    "-p tcp -m multiport --ports 22,80,443:445",
    "-m set --match-set ports%c src,dst",
    "-m set ! --match-set ips%c src",
    "-m pkttype --pkt-type broadcast",
    "-m conntrack --ctstate NEW,RELATED --ctproto 6",
    "-m conntrack --ctdir REPLY --ctstatus SEEN_REPLY",
    "-m connbytes --connbytes 2: --connbytes-dir both --connbytes-mode packets",
    "-m limit --limit 2/sec --limit-burst 3",
    "-m hashlimit --hashlimit-above 3/sec --hashlimit-burst 2 --hashlimit-mode srcip --hashlimit-name h%c",
    "-m recent --name r%c --set --rsource",
    "-m recent --name r%c --update --seconds 5 --hitcount 2 --rttl --rsource",
    "-m statistic --mode nth --every 3 --packet 1",
    "-m statistic --mode random --probability 0.5",
    "-m quota --quota 500",
    "-m time --timestart 01:00 --timestop 13:00 --weekdays Mon,Thu",
};

static const char *const four[] = {
    "-m ttl --ttl-lt 64",
    "-p ah -m ah ! --ahspi 1:5",
    "-p icmp -m icmp --icmp-type 8/0",
    "-p icmp -m icmp --icmp-type any",
    "-f",
    "! -f -p tcp",
};

static const char *const six[] = {
    "-m hl --hl-gt 64",
    "-m ah --ahspi 1:5 ! --ahlen 16 --ahres",
    "-p ipv6-icmp -m icmp6 --icmpv6-type 1/4",
    "-p mobility-header -m mh --mh-type 1:5",
    "-m frag --fragid 1:99 --fragmore --fragres",
    "-m frag --fragfirst",
    "-m ipv6header --header hop,dst,prot",
    "-m ipv6header ! --header frag,route --soft",
    "-m rt --rt-type 0 ! --rt-segsleft 1:9 --rt-0-res --rt-0-addrs 2001:db8::1,2001:db8::2 --rt-0-not-strict",
    "-m rt --rt-type 0 --rt-len 40 --rt-0-addrs 2001:db8::1,2001:db8::2",
    "-m hbh --hbh-len 8 --hbh-opts 5:2,1",
    "-m hbh ! --hbh-len 16 --hbh-opts 1:255,0,0xc2:4",
    "-m dst --dst-opts 1:4,201,1,1,1,1",
    "-m srh --srh-next-hdr 17 --srh-psid 2001:db8::/32 --srh-nsid 2001:db8::/32 --srh-lsid 2001:db8::/32",
    "-m srh ! --srh-segs-left-gt 3 --srh-last-entry-lt 4 ! --srh-tag 5 ! --srh-lsid 2001:db8::/64",
    "-p tcp -m ah",
};

/* Behind the first pass over the matches in mangle: what they look at is another then. */
static const char *const changes[] = {
    "-m mark --mark 0x10/0x10 -j TOS --set-tos 0x10/0x3f",
    "-m mark --mark 0x20/0x20 -j MARK --xor-mark 0x5",
    "-p tcp -m mark --mark 0x20/0x20 -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1000",
    "-p tcp -m mark --mark 0x10/0x10 -j TCPOPTSTRIP --strip-options 3,4,8",
    "-m mark --mark 0x40/0x40 -j CONNMARK --save-mark",
    "-m connmark --mark 0x1/0x1 -j CONNMARK --restore-mark",
    "-m mark --mark 0x80/0x80 -j SET --add-set ips%c src --exist",
    "-m mark --mark 0x80/0x80 -j DSCP --set-dscp 0x2e",
};

static const char sets[] = "create ips4 hash:ip\nadd ips4 192.0.2.1\ncreate ips6 hash:ip family inet6\n"
			   "create ports4 hash:ip,port\nadd ports4 192.0.2.1,tcp:80\n"
			   "create ports6 hash:ip,port family inet6\nadd ports6 2001:db8::1,udp:53\n---\n";

/* A format with at most one %c, the family. */
static void add_rule(struct buffer *out, const char *chain, const char *rule, enum family family,
		     const char *target)
{
	const char *place = strstr(rule, "%c");

	buffer_printf(out, "-A %s %.*s", chain, place ? (int)(place - rule) : (int)strlen(rule), rule);
	if (place)
		buffer_printf(out, "%c%s", family == FAMILY_IPV4 ? '4' : '6', place + 2);
	buffer_printf(out, "%s\n", target);
}

/* Chains G0 ... with the matches, and one that jumps into the packet's group. */
static void add_groups(struct buffer *out, enum family family, bool declare)
{
	size_t common = sizeof(both) / sizeof(*both);
	size_t own = family == FAMILY_IPV4 ? sizeof(four) / sizeof(*four) : sizeof(six) / sizeof(*six);
	char chain[16];

	for (unsigned i = 0; i < GROUPS && declare; i++)
		buffer_printf(out, ":G%u - [0:0]\n", i);
	if (declare) {
		buffer_puts(out, ":GROUPS - [0:0]\n");
		return;
	}
	for (size_t i = 0; i < common + own; i++) {
		const char *match = i < common ? both[i] : (family == FAMILY_IPV4 ? four : six)[i - common];
		snprintf(chain, sizeof(chain), "G%u", (unsigned)i % GROUPS);
		add_rule(out, chain, match, family, "");
	}
	for (unsigned i = 0; i < GROUPS; i++)
		buffer_printf(out, "-A GROUPS -m mark --mark 0x%x/0xf -j G%u\n", i, i);
}

static void add_nat(struct buffer *out, enum family family)
{
	bool v4 = family == FAMILY_IPV4;

	buffer_printf(out,
		      "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
		      ":POSTROUTING ACCEPT [0:0]\n"
		      "-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination %s\n"
		      "-A PREROUTING -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353\n"
		      "-A PREROUTING -p udp -m udp --dport 54 -j NETMAP --to %s\n"
		      "-A POSTROUTING -p tcp -m tcp --sport 1:1023 -j SNAT --to-source %s\n"
		      "-A POSTROUTING -p udp -j MASQUERADE\nCOMMIT\n",
		      v4 ? "198.51.100.7:8080" : "[2001:db8::7]:8080",
		      v4 ? "198.51.100.0/24" : "2001:db8:1::/64", v4 ? "203.0.113.9" : "2001:db8::9");
}

static void add_tables(struct buffer *out, enum family family)
{
	bool v4 = family == FAMILY_IPV4;

	buffer_puts(out, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	add_groups(out, family, true);
	buffer_puts(out, "-A PREROUTING -j GROUPS\n-A OUTPUT -j GROUPS\n");
	if (!v4)
		buffer_puts(out, "-A PREROUTING -m eui64\n");
	buffer_puts(out, "-A PREROUTING -m mac ! --mac-source 02:00:5e:10:00:01\n");
	buffer_puts(out, "-A PREROUTING -p udp -m udp --dport 9 -j CT --notrack\n");
	add_groups(out, family, false);
	buffer_puts(out, "COMMIT\n*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n"
			 ":FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
			 ":CHANGES - [0:0]\n");
	add_groups(out, family, true);
	buffer_puts(out, "-A PREROUTING -j CHANGES\n-A PREROUTING -j GROUPS\n-A OUTPUT -j CHANGES\n"
			 "-A FORWARD -j GROUPS\n-A POSTROUTING -j GROUPS\n");
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++)
		add_rule(out, "CHANGES", changes[i], family, "");
	buffer_puts(out, v4 ? "-A CHANGES -m mark --mark 0x20/0x20 -j TTL --ttl-dec 2\n"
			      "-A CHANGES -p tcp -m mark --mark 0x40/0x40 -j ECN --ecn-tcp-remove\n"
			    : "-A CHANGES -m mark --mark 0x20/0x20 -j HL --hl-inc 2\n");
	add_groups(out, family, false);
	buffer_puts(out, "COMMIT\n");
	add_nat(out, family);
	buffer_puts(out, "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n");
	add_groups(out, family, true);
	buffer_puts(out, "-A INPUT -j GROUPS\n-A FORWARD -j GROUPS\n-A OUTPUT -j GROUPS\n"
			 "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
			 "-A INPUT -m conntrack --ctstate INVALID -j DROP\n"
			 "-A FORWARD -m string --string drop --algo bm -j REJECT\n"
			 "-A INPUT -m u32 --u32 \"0>>22&0x3C@0&1=1\" -j ACCEPT\n"
			 "-A INPUT -m dscp --dscp 0x2e -j ACCEPT\n");
	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++)
		add_rule(out, "INPUT", both[i], family,
			 i % 3 ? " -m length --length :99 -j ACCEPT" : " -j REJECT");
	add_groups(out, family, false);
	buffer_puts(out, "COMMIT\n");
}

static const struct ruleset *rules(void)
{
	static struct ruleset *ruleset;
	struct buffer text[FAMILY_COUNT] = {0}, messages = {0};

	if (ruleset)
		return ruleset;
	struct diagnostics *sink = diagnostics_new();
	ruleset = ruleset_new();
	if (!sink || !ruleset)
		abort();
	ipset_save_read(ruleset, sink, source_new(ruleset->arena, "sets", sets, sizeof(sets) - 5));
	for (int family = 0; family < FAMILY_COUNT; family++) {
		add_tables(&text[family], (enum family)family);
		if (text[family].failed)
			abort();
		/* The text stays: the ruleset points into it. */
		iptables_save_read(ruleset, sink,
				   source_new(ruleset->arena, "rules", text[family].data, text[family].size),
				   (enum family)family);
	}
	diagnostics_print(sink, &messages);
	if (diagnostics_errors(sink))
		fuzz_complain("the rules cannot be read", &messages, NULL);
	buffer_fini(&messages);
	diagnostics_free(sink);
	return ruleset;
}

/* --- frames */

struct input {
	const uint8_t *at, *end;
};

static uint32_t take(struct input *input, unsigned size)
{
	uint32_t number = 0;

	for (; size; size--)
		number = number << 8 | (input->at < input->end ? *input->at++ : 0);
	return number;
}

/* One frame of the input: eight bytes about it, then its own; or four from which one is drawn as parity draws
 * its frames, then what is changed in it. */
struct sent {
	int link_type;
	enum origin origin;
	uint8_t mark;
	uint64_t gap;
	uint32_t unknown;  /* bits of `known` to take away */
	size_t size, kept; /* kept: what a snapshot length leaves */
	uint8_t bytes[2048];
};

enum { LEAVING = 4, AS_IT_IS = 8 };

static void mend_ipv4(uint8_t *ip, size_t size)
{
	size_t header = (size_t)(ip[0] & 15) * 4;
	uint32_t sum = 0;

	if (header < 20 || header > size)
		return;
	ip[2] = (uint8_t)(size >> 8);
	ip[3] = (uint8_t)size;
	ip[10] = ip[11] = 0;
	for (size_t i = 0; i < header; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* The length and checksum that mutation would hardly ever find. */
static void mend(struct sent *sent)
{
	size_t link = sent->link_type == 1     ? 14
		      : sent->link_type == 113 ? 16
		      : sent->link_type == 276 ? 20
					       : 0;
	uint8_t *ip = sent->bytes + link;

	if (sent->size < link + 20)
		return;
	if (ip[0] >> 4 == 4)
		mend_ipv4(ip, sent->size - link);
	if (ip[0] >> 4 != 6 || sent->size < link + 40)
		return;
	ip[4] = (uint8_t)((sent->size - link - 40) >> 8);
	ip[5] = (uint8_t)(sent->size - link - 40);
}

static void draw(uint32_t seed, struct sent *sent)
{
	struct random random = {seed}, fixed = {1};
	struct frame_plan plan;
	struct frame frame;
	struct pool pool;

	/* Few addresses and ports: connections come about. */
	pool_fill(&pool, seed & 1 ? FAMILY_IPV6 : FAMILY_IPV4, &fixed);
	frame_plan_rich(&plan, &pool, false, &random);
	frame_build(&plan, &frame);
	sent->link_type = 1;
	sent->size = frame.size;
	memcpy(sent->bytes, frame.data, frame.size);
}

static void take_frame(struct input *input, struct sent *sent)
{
	static const int links[] = {101, 1, 113, 276};
	uint32_t flags = take(input, 1), gap;

	sent->link_type = links[flags & 3];
	sent->origin = flags & LEAVING ? ORIGIN_LEAVING : ORIGIN_RECEIVED;
	sent->mark = (uint8_t)take(input, 1);
	gap = take(input, 1);
	sent->gap = (uint64_t)(gap & 127) * 50000000;
	sent->unknown = take(input, 3);
	size_t size = take(input, 2) % sizeof(sent->bytes);
	if (gap & 128)
		draw(take(input, 4), sent);
	if (size > (size_t)(input->end - input->at))
		size = (size_t)(input->end - input->at);
	if (gap & 128) {
		for (size_t i = 0; i < size && i < sent->size; i++)
			sent->bytes[i] ^= input->at[i];
	} else {
		memcpy(sent->bytes, input->at, size);
		sent->size = size;
	}
	input->at += size;
	sent->kept = sent->size ? sent->size - 1 - (flags >> 4) * (sent->size - 1) / 16 : 0;
	if (!(flags & AS_IT_IS))
		mend(sent);
}

/* A copy that ends where the captured bytes do, `skew` bytes off an aligned address. False when no rule sees
 * it. */
static bool decode(const struct sent *sent, size_t captured, size_t skew, uint64_t now, uint8_t **copy,
		   struct packet *packet, enum link_verdict *verdict)
{
	*copy = malloc(captured + skew + 1);
	if (!*copy)
		abort();
	uint8_t *frame = *copy + skew + 1; /* nothing behind it, and never at the beginning of the memory */
	memmove(frame, sent->bytes, captured);
	if (packet_decode(sent->link_type, frame, captured, sent->size, packet, verdict))
		abort();
	packet->time = now;
	packet->mark = sent->mark;
	packet->known |= KNOWN_TIME;
	snprintf(sent->origin == ORIGIN_LEAVING ? packet->out : packet->in, INTERFACE_NAME_MAX, "eth0");
	packet->known |= sent->origin == ORIGIN_LEAVING ? KNOWN_OUT : KNOWN_IN;
	return *verdict == FRAME_OK;
}

/* --- what the engine says */

struct seen {
	uint64_t hash; /* of all steps */
	bool hot_drop;
	bool may_drop; /* a target was met that drops what it cannot change */
};

static void mix(struct seen *seen, uint64_t value)
{
	seen->hash = (seen->hash ^ value) * 0x100000001b3u;
}

static void watch(void *context, const struct step *step)
{
	struct seen *seen = context;
	const struct packet *packet = step->packet;

	mix(seen, (uint64_t)step->kind << 16 | (uint64_t)step->truth << 8 | step->hook);
	mix(seen, (uintptr_t)step->chain);
	mix(seen, (uintptr_t)step->rule);
	mix(seen, packet->known);
	mix(seen, (uint64_t)packet->mark << 16 | (uint64_t)packet->ttl << 8 | packet->tos);
	mix(seen,
	    (uint64_t)packet->length << 32 | (uint64_t)packet->source_port << 16 | packet->destination_port);
	seen->hot_drop |= step->kind == STEP_HOT_DROP;
	if (step->kind == STEP_RULE) {
		const char *target = step->rule->target.type->name;
		seen->may_drop |= strcmp(target, "TCPMSS") == 0 || strcmp(target, "TCPOPTSTRIP") == 0 ||
				  strcmp(target, "ECN") == 0;
	}
}

__attribute__((noreturn, format(printf, 2, 3))) static void complain(const struct packet *packet,
								     const char *format, ...)
{
	struct buffer line = {0};
	va_list arguments;
	char what[200];

	packet_print(packet, &line);
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	fuzz_complain(what, &line, NULL);
}

static void expect_same(const struct packet *packet, const struct outcome *a, const struct outcome *b,
			const struct seen *first, const struct seen *second)
{
	if (first->hash != second->hash)
		complain(packet, "two engines went two ways");
	if (a->verdicts != b->verdicts || a->effects != b->effects || a->rule != b->rule ||
	    a->chain != b->chain || a->unsure != b->unsure || a->untracked != b->untracked)
		complain(packet, "two engines differ: verdicts %x, %x; effects %x, %x", a->verdicts,
			 b->verdicts, a->effects, b->effects);
	if (!a->verdicts)
		complain(packet, "no verdict is possible");
}

/* `less` is the same packet with less known. A header that cannot be read drops the packet at once; what was
 * not seen of one is taken to be whole. */
static void expect_more(const struct packet *packet, const struct packet *less, enum path path)
{
	struct outcome whole, part;
	struct seen seen = {0};

	if (engine_run(rules(), packet, path, watch, &seen, &whole) ||
	    engine_run(rules(), less, path, NULL, NULL, &part))
		abort();
	if (seen.hot_drop || (seen.may_drop && whole.verdicts == VERDICT_DROP))
		return;
	if (seen.may_drop)
		part.verdicts |= VERDICT_DROP;
	if (whole.verdicts & ~part.verdicts)
		complain(less, "of a packet that is known less of, %x is possible, not %x", part.verdicts,
			 whole.verdicts);
	if (whole.effects & ~part.effects)
		complain(less, "of a packet that is known less of, effects are %x, not %x", part.effects,
			 whole.effects);
}

static void know_less(const struct sent *sent, const struct packet *packet, uint64_t now, enum path path)
{
	struct packet less = *packet;
	enum link_verdict verdict;
	uint8_t *copy;

	less.known &= ~sent->unknown;
	if (!(less.known & KNOWN_PORTS) && (sent->unknown & KNOWN_PORTS))
		less.known &= ~(uint32_t)(KNOWN_SOURCE_PORT | KNOWN_DESTINATION_PORT);
	expect_more(packet, &less, path);
	if (decode(sent, sent->kept, 0, now, &copy, &less, &verdict))
		expect_more(packet, &less, path);
	else if (verdict == FRAME_MALFORMED)
		complain(packet, "malformed when it is cut to %zu bytes", sent->kept);
	free(copy);
}

enum { FOLLOW = 1, EMPTY = 2, LIBERAL = 4, LOCALS = 8, FORWARDED = 16, FEW = 32 };

static const struct engine_local locals[] = {
    {FAMILY_IPV4, 0xc0000200, 0xc000027f}, /* 192.0.2.0/25 */
    {FAMILY_IPV6, (address)0x20010db800000000 << 64, ((address)0x20010db800000000 << 64) + 0xff},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sent sent;
	_Static_assert(sizeof(sent.bytes) >= FRAME_ROOM, "drawn frames fit");
	struct input input = {data, data + size};
	uint32_t flags = take(&input, 1);
	struct session *sessions[2] = {session_new(flags), session_new(flags)};
	struct engine *engines[2];
	uint64_t now = (uint64_t)1600000000 * 1000000000;

	for (int i = 0; i < 2; i++) {
		struct engine_options options = {
		    .locals = locals,
		    .local_count = flags & LOCALS ? sizeof(locals) / sizeof(*locals) : 0,
		    .path = flags & FORWARDED ? PATH_FORWARD : PATH_INPUT,
		    .follow = flags & FOLLOW,
		    .empty = flags & EMPTY,
		    .tcp_be_liberal = flags & LIBERAL,
		    .connections = flags & FEW ? 2 : 0,
		    .session = sessions[i],
		};
		if (!sessions[i] || engine_new(rules(), &options, &engines[i]))
			abort();
	}
	for (int n = 0; n < FRAMES_MAX && input.at < input.end; n++) {
		struct packet packet[2];
		enum link_verdict verdict[2];
		uint8_t *copies[2];
		take_frame(&input, &sent);
		now += sent.gap;
		bool seen = decode(&sent, sent.size, 1, now, &copies[0], &packet[0], &verdict[0]);
		decode(&sent, sent.size, 4, now, &copies[1], &packet[1], &verdict[1]);
		if (verdict[0] != verdict[1])
			complain(&packet[0], "decoded twice: %d and %d", verdict[0], verdict[1]);
		if (seen) {
			struct outcome outcomes[2];
			struct seen steps[2] = {0};
			for (int i = 0; i < 2; i++)
				if (engine_packet(engines[i], &packet[i], sent.origin, watch, &steps[i],
						  &outcomes[i]))
					abort();
			expect_same(&packet[0], &outcomes[0], &outcomes[1], &steps[0], &steps[1]);
			know_less(&sent, &packet[0], now, flags & FORWARDED ? PATH_FORWARD : PATH_INPUT);
		}
		/* A capture's bytes are gone with its next frame. */
		free(copies[0]);
		free(copies[1]);
	}
	for (int i = 0; i < 2; i++) {
		engine_free(engines[i]);
		session_free(sessions[i]);
	}
	return 0;
}
