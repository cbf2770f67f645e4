/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Random rulesets and packets on the real kernel. The same frames are sent to a host under test twice and
 * more:
 *
 * 1. the rules alone: what iptables-save -c says of each rule and policy, in packets and bytes, must be what
 * the engine met;
 * 2. weir in front of them, native and generic: for each rule weir's counter and the kernel's together must
 * be what the kernel alone counted.
 *
 * Only frames are sent of which the kernel's way is known for sure (testbed_way()), and in rulesets with
 * connection state only packets that meet the same rules in every state that conntrack could give them. The
 * host answers nobody, so no packet is ever a reply and none ESTABLISHED.
 *
 * kernel [SECONDS [SEED]] */
#include "fixture.h"
#include "report.h"
#include "tally.h"
#include "testbed.h"
#include "weir_front.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS 45
#define FRAMES 160
#define SEED 0x6b65726eu
#define LINK_ETHERNET 1

enum { READ, LOADED, EQUAL, ENGINE_LEGACY, ENGINE_NFT, UNSEEN, NATIVE, GENERIC, ACCEPTED, EARLY, PROPERTIES };

static struct property properties[PROPERTIES] = {
    [READ] = {.name = "generated rulesets are read"},
    [LOADED] = {.name = "the kernel loads what is read"},
    [EQUAL] = {.name = "what iptables-legacy saves is the same filter"},
    [ENGINE_LEGACY] = {.name = "iptables-legacy counts for each rule what the engine meets"},
    [ENGINE_NFT] = {.name = "iptables-nft counts for each rule what the engine meets"},
    [UNSEEN] = {.name = "frames for others are seen by no rule"},
    [NATIVE] = {.name = "with weir in front (native) each rule's counters add up to the kernel's alone"},
    [GENERIC] = {.name = "with weir in front (generic) each rule's counters add up to the kernel's alone"},
    [ACCEPTED] = {.name = "with weir in front the rules accept as many packets as without"},
    [EARLY] = {.name = "weir drops early in a good part of the rulesets"},
};

struct trial {
	uint64_t seed;
	struct random random;
	struct pool pool;
	struct rules_options rules;
	struct rules_text text;
	bool nft;
	/* With fragments, and packets that the routing drops: weir counts such where the kernel may not (it
	 * puts fragments together, and has no rule for what has no route), so only verdicts are compared. */
	bool odd;
	struct ruleset *ruleset;
	struct frame frames[FRAMES];
	size_t frame_count, unseen;
	struct rule_tally engine, alone;
};

static bool check(const struct trial *trial, int property, bool right, const char *what)
{
	struct report_place place = {trial->seed, &trial->text, NULL, NULL};

	return report(&properties[property], &place, right, "%s %s, %s: %s",
		      trial->pool.family == FAMILY_IPV4 ? "IPv4" : "IPv6", trial->nft ? "nft" : "legacy",
		      trial->rules.forwarding ? "forwarding" : "not forwarding", what);
}

/* --- what conntrack may call a packet
 * ------------------------------------------------------------------------------ */

/* Bits of enum connection_state. First packets only: the host never answers. */
static unsigned possible_states(const struct packet *packet)
{
	bool v4 = packet->family == FAMILY_IPV4;

	switch (packet->protocol) {
	case IPPROTO_TCP:
		/* A SYN alone is NEW; others may be picked up (tcp_loose), be ignored or be refused. */
		return (packet->tcp_flags & 0x3f) == 0x02 ? 1u << STATE_NEW
							  : 1u << STATE_NEW | 1u << STATE_INVALID;
	case IPPROTO_UDP:
		return 1u << STATE_NEW;
	case IPPROTO_ICMP:
		if (v4 && packet->icmp_type == 8)
			return 1u << STATE_NEW;
		break;
	case IPPROTO_ICMPV6:
		if (!v4 && packet->icmp_type == 128)
			return 1u << STATE_NEW;
		break;
	default:
		break;
	}
	return 1u << STATE_NEW | 1u << STATE_INVALID | 1u << STATE_RELATED | 1u << STATE_UNTRACKED;
}

/* --- frames
 * -------------------------------------------------------------------------------------------------------- */

/* For a packet that the routing drops: a trace up to the tables of INPUT. */
struct cut_trace {
	struct trace trace;
	bool whole, stopped;
};

static void trace_cut(void *context, const struct step *step)
{
	struct cut_trace *cut = context;

	if (step->kind == STEP_TABLE && step->chain->hook != HOOK_PREROUTING && !cut->whole)
		cut->stopped = true;
	if (!cut->stopped)
		trace_record(&cut->trace, step);
}

static bool same_trace(const struct trace *a, const struct trace *b)
{
	return a->count == b->count && !memcmp(a->items, b->items, a->count * sizeof(*a->items));
}

static bool certain(const struct trace *trace)
{
	for (size_t i = 0; i < trace->count; i++)
		if (trace->items[i].truth != TRUTH_YES)
			return false;
	return true;
}

static void engine_trace_packet(const struct trial *trial, struct packet *packet, enum testbed_way way,
				struct cut_trace *cut)
{
	struct outcome outcome;

	*cut = (struct cut_trace){.whole = way != WAY_PREROUTING};
	if (engine_run(trial->ruleset, packet, way == WAY_FORWARD ? PATH_FORWARD : PATH_INPUT, trace_cut, cut,
		       &outcome))
		exit(99);
}

/* Adds the packet's way to the engine's tally when it is the same in every state that it may have. */
static bool tally_packet(struct trial *trial, struct packet *packet, enum testbed_way way)
{
	unsigned states = trial->rules.stateful ? possible_states(packet) : 1u << STATE_NEW;
	struct cut_trace first = {0};
	bool sure = true, begun = false;

	packet->known |= KNOWN_STATE;
	for (int state = 0; state < STATE_COUNT && sure; state++) {
		struct cut_trace cut;

		if (!(states >> state & 1))
			continue;
		packet->state = (enum connection_state)state;
		engine_trace_packet(trial, packet, way, &cut);
		if (!begun) {
			first = cut;
			begun = true;
			sure = certain(&first.trace);
			continue;
		}
		sure = same_trace(&first.trace, &cut.trace);
		trace_fini(&cut.trace);
	}
	if (sure)
		tally_add_trace(&trial->engine, &first.trace, packet->length);
	trace_fini(&first.trace);
	return sure;
}

/* Adds what the engine says of the frame. Whether it may be sent. */
static bool tally_frame(struct trial *trial, const struct frame_plan *plan, const struct frame *frame)
{
	struct packet packet;
	enum link_verdict verdict;
	const char *out;
	enum testbed_way way = testbed_way(plan, trial->rules.forwarding, trial->rules.stateful, &out);

	if (!trial->odd && (way == WAY_PREROUTING || plan->fragment != FRAME_WHOLE))
		return false;
	/* iptables-nft translates tcp and udp into payload expressions, which neither hot-drop where a header
	 * is cut off nor treat later fragments as the matches of x_tables do. The engine is of x_tables. */
	if (trial->nft && (plan->cut || plan->fragment != FRAME_WHOLE))
		return false;
	if (way == WAY_UNSURE ||
	    packet_decode(LINK_ETHERNET, frame->data, frame->size, frame->size, &packet, &verdict))
		return false;
	if (way == WAY_UNSEEN) {
		trial->unseen++;
		return true;
	}
	if (verdict != FRAME_OK)
		return true; /* dropped before any rule */
	packet.known |= KNOWN_IN | KNOWN_OUT;
	snprintf(packet.in, sizeof(packet.in), "%s", TEST_INTERFACE);
	snprintf(packet.out, sizeof(packet.out), "%s", out);
	return tally_packet(trial, &packet, way);
}

static void draw_frames(struct trial *trial)
{
	struct frame_plan plan;
	struct frame frame;

	for (int i = 0; i < FRAMES; i++) {
		frame_plan_random(&plan, &trial->pool, true, &trial->random);
		frame_build(&plan, &trial->frames[trial->frame_count]);
		trial->frame_count += tally_frame(trial, &plan, &trial->frames[trial->frame_count]);
	}
	testbed_sentinel(trial->pool.family, &plan);
	frame_build(&plan, &frame);
	if (!tally_frame(trial, &plan, &frame))
		printf("# the sentinel's way is not sure\n");
}

/* --- one ruleset
 * ----------------------------------------------------------------------------------------------- */

/* Sends all frames to what is loaded and adds what the kernel counted. */
static bool send_and_count(struct trial *trial, struct rule_tally *tally, struct buffer *why)
{
	struct buffer saved __attribute__((cleanup(buffer_fini))) = {0},
			    difference __attribute__((cleanup(buffer_fini))) = {0};
	struct ruleset *ruleset __attribute__((cleanup(ruleset_cleanup))) = NULL;
	int error = testbed_send(trial->frames, trial->frame_count, trial->pool.family, trial->nft, &saved);
	bool equal;

	if (error) {
		buffer_printf(why, "sending: %s", strerror(-error));
		return false;
	}
	ruleset = fixture_load_saved(&saved, &trial->text, why);
	if (!ruleset || tally_add_saved(tally, ruleset)) {
		buffer_puts(why, "what the kernel saved has other chains or rules");
		return false;
	}
	/* iptables-nft says some rules otherwise than they were given: `! --sport 0:443` as `--sport
	 * 444:65535`. */
	if (trial->nft)
		return true;
	equal = ruleset_equal(trial->ruleset, ruleset, &difference);
	check(trial, EQUAL, equal, difference.data ? difference.data : "");
	return true;
}

static bool reload(const struct trial *trial, struct buffer *why)
{
	testbed_flush();
	return testbed_load(&trial->text, trial->pool.family, trial->nft, why) == 0;
}

static bool run_alone(struct trial *trial)
{
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	int engine = trial->nft ? ENGINE_NFT : ENGINE_LEGACY;
	bool right;

	right = reload(trial, &why);
	if (!check(trial, LOADED, right, why.data ? why.data : ""))
		return false;
	if (tally_init(&trial->alone, trial->ruleset, trial->pool.family))
		return false;
	if (!send_and_count(trial, &trial->alone, &why)) {
		check(trial, engine, false, why.data);
		return false;
	}
	right = !tally_difference(&trial->engine, &trial->alone, !trial->nft, &why);
	check(trial, engine, right, why.data ? why.data : "");
	/* They are among the frames; had one been counted, the tallies would differ. */
	if (right && trial->unseen)
		check(trial, UNSEEN, true, "");
	return right;
}

/* What the filter table accepts leaves the rules: nothing of it may have gone before. */
static bool accepts_differ(struct rule_tally *alone, struct rule_tally *both, struct buffer *why)
{
	const struct table *filter = &alone->ruleset->tables[alone->family][TABLE_FILTER];

	for (size_t c = 0; c < filter->chain_count; c++) {
		const struct chain *chain = filter->chains[c];

		for (uint32_t n = 0; n <= chain->rule_count; n++) {
			const struct count *a = tally_find(alone, TABLE_FILTER, chain->name, n);
			const struct count *b = tally_find(both, TABLE_FILTER, chain->name, n);
			bool accept = n ? chain->rules[n - 1].target.type->kind == TARGET_ACCEPT
					: chain->builtin && chain->policy == POLICY_ACCEPT &&
					      chain->hook <= HOOK_FORWARD;

			if (!accept || !a || !b || (a->packets == b->packets && a->bytes == b->bytes))
				continue;
			buffer_printf(why,
				      "filter %.*s %u: %" PRIu64 " packets without weir, %" PRIu64 " with",
				      (int)chain->name.size, chain->name.data, n, a->packets, b->packets);
			return true;
		}
	}
	return false;
}

static void add_early(struct trial *trial, int property, const struct weir_front *front,
		      struct rule_tally *both)
{
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	struct rule_tally early = {0};
	uint64_t dropped = 0;
	bool right;

	if (tally_init(&early, trial->ruleset, trial->pool.family) ||
	    weir_front_count(front, &early, &dropped, &why)) {
		check(trial, property, false, why.data ? why.data : "");
		tally_fini(&early);
		return;
	}
	properties[EARLY].compared += dropped != 0;
	for (size_t i = 0; i < both->count; i++) {
		both->counts[i].packets += early.counts[i].packets;
		both->counts[i].bytes += early.counts[i].bytes;
	}
	if (!trial->odd) {
		right = !weir_front_difference(front, &trial->alone, both, !trial->nft, &why);
		check(trial, property, right, why.data ? why.data : "");
	}
	tally_fini(&early);
}

static void run_with_weir(struct trial *trial, bool generic)
{
	int property = generic ? GENERIC : NATIVE;
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	struct rule_tally both = {0};
	struct weir_front front = {0};
	bool right;

	if (!reload(trial, &why) || tally_init(&both, trial->ruleset, trial->pool.family)) {
		check(trial, property, false, "the rules cannot be loaded again");
	} else if (weir_front_attach(&front, trial->ruleset, trial->pool.family, generic, &why) ||
		   !send_and_count(trial, &both, &why)) {
		check(trial, property, false, why.data ? why.data : "");
	} else {
		if (!trial->nft) { /* nftables does not count policies */
			right = !accepts_differ(&trial->alone, &both, &why);
			check(trial, ACCEPTED, right, why.data ? why.data : "");
		}
		add_early(trial, property, &front, &both);
	}
	weir_front_detach(&front);
	tally_fini(&both);
}

static void trial_run(uint64_t seed)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	struct random *random;

	if (!trial)
		exit(99);
	trial->seed = seed;
	trial->random.state = seed;
	random = &trial->random;
	pool_fill(&trial->pool, random_percent(random, 50) ? FAMILY_IPV4 : FAMILY_IPV6, random);
	trial->nft = random_percent(random, 25);
	trial->odd = random_percent(random, 40);
	trial->rules = (struct rules_options){
	    .kernel = true,
	    .stateful = random_percent(random, 50),
	    .forwarding = random_percent(random, 50),
	    .effects = random_percent(random, 40),
	};
	rules_generate(&trial->text, &trial->pool, &trial->rules, random);
	trial->ruleset = fixture_load(&trial->text, &why);
	if (check(trial, READ, trial->ruleset, why.data ? why.data : "") &&
	    !tally_init(&trial->engine, trial->ruleset, trial->pool.family)) {
		testbed_forwarding(trial->rules.forwarding);
		draw_frames(trial);
		if (run_alone(trial)) {
			run_with_weir(trial, false);
			run_with_weir(trial, true);
		}
	}
	testbed_flush();
	tally_fini(&trial->engine);
	tally_fini(&trial->alone);
	ruleset_cleanup(&trial->ruleset);
	rules_text_fini(&trial->text);
	free(trial);
}

int main(int argc, char **argv)
{
	unsigned long seconds = argc > 1 ? strtoul(argv[1], NULL, 0) : SECONDS;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : SEED;
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	time_t end = time(NULL) + (time_t)seconds;

	if (testbed_make(&why)) {
		printf("1..0 # SKIP %s\n", why.data ? why.data : "no testbed");
		return 0;
	}
	printf("# seed 0x%016" PRIx64 ", for %lu seconds\n", seed, seconds);
	if (!seconds)
		trial_run(seed);
	for (uint64_t i = 0; time(NULL) < end; i++)
		trial_run(random_seed(seed, i));
	return report_finish(properties, PROPERTIES);
}
