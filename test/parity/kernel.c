/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Random rulesets and packets on the real kernel. The same frames are sent to a host under test twice and
 * more:
 *
 * 1. the rules alone, loaded by iptables-legacy and in some by iptables-nft too: what iptables-save -c says
 * of each rule and policy, in packets and bytes, must be what the engine met;
 * 2. weir in front of them, native and generic: for each rule weir's counter and the kernel's together must
 * be what the kernel alone counted.
 *
 * Frames are sent of which it is certain what they are counted on, in some rulesets also those of which the
 * engine gives bounds (predict.h, testbed_way()). The host answers nobody; what looks like an answer comes
 * from the sender, too. In some rulesets the host itself sends the packets. What disagrees is made as small
 * as it goes (smaller.h) and printed.
 *
 * kernel [SECONDS [SEED]] */
#include "cases.h"
#include "chance.h"
#include "coverage.h"
#include "fixture.h"
#include "flavours.h"
#include "probe.h"
#include "report.h"
#include "smaller.h"
#include "testbed.h"
#include "weir_front.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS 45
#define PROGRESS_SECONDS 30
#define SEED 0x6b65726eu
#define SMALLER_MAX 8 /* disagreements that are made small */

enum {
	READ,
	LOADED,
	EQUAL,
	ENGINE_LEGACY,
	ENGINE_NFT,
	UNSEEN,
	NATIVE,
	GENERIC,
	ACCEPTED,
	EARLY,
	FIXED,
	FLAVOURS,
	CHANCE,
	PROPERTIES
};

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
    [FLAVOURS] = {.name = "iptables-legacy and iptables-nft differ where it is documented"},
    [CHANCE] = {.name = "what hangs on chance counts as often as chance allows"},
    [FIXED] = {.name = "fixed cases: the kernel counts what the engine meets"},
};

static struct totals {
	uint64_t rulesets, unsure_rulesets, packets, unsure, doubtful;
	unsigned small;
} totals;

static bool check(const struct trial *trial, int property, bool right, const char *what)
{
	struct report_place place = {trial->seed, &trial->text, NULL, NULL};

	return report(&properties[property], &place, right, "%s, %s%s: %s",
		      trial->family == FAMILY_IPV4 ? "IPv4" : "IPv6",
		      trial->rules.forwarding ? "forwarding" : "not forwarding",
		      trial->rules.session ? ", in order" : "", what ? what : "");
}

/* --- the rules alone
 * -------------------------------------------------------------------------------------------------- */

/* What it counted is in `alone`. Whether they agree. */
static bool run_alone(const struct trial *trial, bool nft, int property, struct rule_tally *alone)
{
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0},
			  difference __attribute__((cleanup(buffer_fini))) = {0};
	struct ruleset *saved __attribute__((cleanup(ruleset_cleanup))) = NULL;
	bool right;

	right = trial_load(trial, nft, &why);
	if (!check(trial, LOADED, right, why.data) || tally_init(alone, trial->ruleset, trial->family))
		return false;
	if (!trial_send(trial, nft, alone, &saved, &why))
		return check(trial, property, false, why.data);
	/* iptables-nft says some rules otherwise than they were given: `! --sport 0:443` as `--sport
	 * 444:65535`. */
	if (!nft) {
		right = ruleset_equal(trial->ruleset, saved, &difference);
		check(trial, EQUAL, right, difference.data);
	}
	right = !trial_differs(trial, nft, alone, &why);
	check(trial, property, right, why.data);
	if (!right && totals.small++ < SMALLER_MAX)
		smaller_print(trial, nft);
	/* They are among the frames; had one been counted, the tallies would differ. */
	if (right && trial->prediction.unseen)
		check(trial, UNSEEN, true, "");
	if (right)
		coverage_add(alone);
	return right;
}

/* --- weir in front
 * ---------------------------------------------------------------------------------------------------- */

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

static void add_early(const struct trial *trial, int property, const struct weir_front *front,
		      const struct rule_tally *alone, struct rule_tally *both)
{
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	struct rule_tally early = {0};
	uint64_t dropped = 0;
	bool right;

	if (tally_init(&early, trial->ruleset, trial->family) ||
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
		right = !weir_front_difference(front, alone, both, !trial->nft, &why);
		check(trial, property, right, why.data ? why.data : "");
	}
	tally_fini(&early);
}

static void run_with_weir(const struct trial *trial, bool generic, struct rule_tally *alone)
{
	int property = generic ? GENERIC : NATIVE;
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	struct rule_tally both = {0};
	struct weir_front front = {0};
	bool right;

	if (!trial_load(trial, trial->nft, &why) || tally_init(&both, trial->ruleset, trial->family)) {
		check(trial, property, false, "the rules cannot be loaded again");
	} else if (weir_front_attach(&front, trial->ruleset, trial->family, generic, &why) ||
		   !trial_send(trial, trial->nft, &both, NULL, &why)) {
		check(trial, property, false, why.data ? why.data : "");
	} else {
		if (!trial->nft) { /* nftables does not count policies */
			right = !accepts_differ(alone, &both, &why);
			check(trial, ACCEPTED, right, why.data ? why.data : "");
		}
		add_early(trial, property, &front, alone, &both);
	}
	weir_front_detach(&front);
	tally_fini(&both);
}

/* --- one ruleset
 * ------------------------------------------------------------------------------------------------------- */

static void run_all(struct trial *trial)
{
	struct rule_tally alone = {0}, nft = {0};
	bool right = run_alone(trial, false, ENGINE_LEGACY, &alone);

	if (right && trial->nft)
		right = run_alone(trial, true, ENGINE_NFT, &nft);
	if (right && trial->in_front) {
		run_with_weir(trial, false, trial->nft ? &nft : &alone);
		run_with_weir(trial, true, trial->nft ? &nft : &alone);
	}
	totals.rulesets++;
	totals.packets += trial->frame_count;
	totals.unsure += trial->prediction.unsure;
	totals.doubtful += trial->prediction.doubtful;
	tally_fini(&alone);
	tally_fini(&nft);
}

/* What NAT may have put in place of an end, see rules_extension.c; or the end itself. */
static address translated(enum family family, address end, const char *const put[2][4], struct random *random)
{
	return random_percent(random, 50) ? end : pool_parse(family, put[family][random_below(random, 4)]);
}

/* The other way of a connection, as it may be where NAT has its hand in. */
static void plan_reply(struct frame_plan *plan, bool nat, struct random *random)
{
	static const char *const destinations[2][4] = {
	    {HOST_IPV4, BEHIND_IPV4, "192.0.2.130", "192.0.2.193"},
	    {HOST_IPV6, BEHIND_IPV6, "2001:db8:2:1::a", "2001:db8:2:1::b"}};
	static const char *const sources[2][4] = {
	    {HOST_IPV4, "192.0.2.140", "198.51.100.77", "203.0.113.135"},
	    {HOST_IPV6, "2001:db8:2:1::14", "2001:db8:1::77", "2001:db8:9::7"}};
	static const uint16_t ports[] = {53, 8080, 1000, 2000};
	struct frame_plan first = *plan;

	plan->source = first.destination;
	plan->destination = first.source;
	plan->source_port = first.destination_port;
	plan->destination_port = first.source_port;
	if (nat) {
		plan->source = translated(plan->family, plan->source, destinations, random);
		plan->destination = translated(plan->family, plan->destination, sources, random);
		if (random_percent(random, 40))
			plan->source_port = ports[random_below(random, 4)];
		if (random_percent(random, 20))
			plan->destination_port = ports[random_below(random, 4)];
	}
	plan->type = first.type == 8 ? 0 : first.type == 128 ? 129 : first.type;
	plan->tcp_flags = random_percent(random, 70) ? 0x12 : 0x10;
	plan->acknowledgement = (uint8_t)(1 + random_below(random, 2));
}

/* An ICMP error about the plan. */
static void plan_error(struct frame_plan *plan, struct random *random)
{
	struct frame_plan about = *plan;
	struct frame frame;

	frame_build(&about, &frame);
	plan->quoted_size = frame.size - frame.network;
	if (plan->quoted_size > FRAME_QUOTED)
		plan->quoted_size = FRAME_QUOTED;
	memcpy(plan->quoted, frame.data + frame.network, plan->quoted_size);
	plan->source = about.destination;
	plan->destination = about.source;
	plan->protocol = plan->family == FAMILY_IPV4 ? 1 : 58;
	plan->type = plan->family == FAMILY_IPV4 ? (random_percent(random, 50) ? 3 : 11) : 1;
	plan->code = 1;
}

/* As one before: the same again, later in its connection, an answer, an error. */
static void plan_again(struct sent_frame *sent, const struct sent_frame *before, const struct trial *trial,
		       struct random *random)
{
	uint8_t flags = sent->plan.tcp_flags;
	bool nat = trial->rules.nat;

	sent->plan = before->plan;
	sent->plan.tcp_flags = random_percent(random, 50) ? flags : 0x10;
	if (!trial->tracked || before->plan.quoted_size)
		return;
	sent->plan.sequence = (uint8_t)random_below(random, 2);
	sent->plan.acknowledgement = (uint8_t)(2 * random_below(random, 2));
	if (random_percent(random, nat ? 60 : 30))
		plan_reply(&sent->plan, nat, random);
	if (random_percent(random, 15))
		plan_error(&sent->plan, random);
}

/* From this host to where nobody need be asked for. */
static void plan_leaving(struct frame_plan *plan, const struct pool *pool, struct random *random)
{
	bool v4 = plan->family == FAMILY_IPV4;
	address to = random_percent(random, 70) ? pool_source(pool, random) : pool_destination(pool, random);
	bool routed = v4 ? to >> 8 == pool_parse(FAMILY_IPV4, "198.51.100.0") >> 8 ||
			       to >> 7 == pool_parse(FAMILY_IPV4, BEHIND_IPV4) >> 7
			 : to >> 80 == pool_parse(FAMILY_IPV6, "2001:db8:1::") >> 80;

	plan->to = TO_HOST;
	plan->source = pool_parse(plan->family, v4 ? HOST_IPV4 : HOST_IPV6);
	plan->destination = routed ? to : pool_parse(plan->family, v4 ? BEHIND_IPV4 : BEHIND_IPV6);
	plan->vlan_tags = plan->cut = plan->padding = 0;
	plan->fragment = FRAME_WHOLE;
	plan->identification |= 1; /* else the kernel gives it one */
}

static void draw_frames(struct trial *trial, const struct pool *pool, struct random *random)
{
	for (size_t i = 0; i < TRIAL_FRAMES; i++) {
		struct sent_frame *sent = &trial->frames[i];

		if (trial->rules.extensions)
			frame_plan_rich(&sent->plan, pool, true, random);
		else
			frame_plan_random(&sent->plan, pool, true, random);
		if (trial->rules.session && i && random_percent(random, trial->rules.nat ? 50 : 25))
			plan_again(sent, &trial->frames[random_below(random, (uint32_t)i)], trial, random);
		if (trial->rules.leaving)
			plan_leaving(&sent->plan, pool, random);
		frame_build(&sent->plan, &sent->frame);
	}
	trial->frame_count = TRIAL_FRAMES;
}

static void draw_rules(struct trial *trial, const struct extension_choice *choices, struct random *random)
{
	struct pool pool;

	pool_fill(&pool, random_percent(random, 50) ? FAMILY_IPV4 : FAMILY_IPV6, random);
	trial->family = pool.family;
	trial->nft = random_percent(random, 35);
	trial->rules = (struct rules_options){
	    .kernel = true,
	    .stateful = random_percent(random, 40),
	    .forwarding = random_percent(random, 50),
	    .effects = random_percent(random, 40),
	    .security = true,
	    .nft = trial->nft,
	};
	trial->bounds = random_percent(random, 40);
	trial->rules.hours = time(NULL) % 3600 > 10 && time(NULL) % 3600 < 3600 - 120;
	if (random_percent(random, 80)) {
		trial->rules.extensions = &choices[trial->nft];
		trial->rules.session = random_percent(random, 40);
		trial->rules.unknown =
		    trial->bounds ? random_percent(random, 60) : random_percent(random, 10);
		trial->rules.nat = trial->rules.session && random_percent(random, 50);
		trial->rules.leaving =
		    trial->rules.session && !trial->rules.nat && random_percent(random, 40);
	}
	/* The engine takes it that what is not for this host is sent on. */
	if (trial->rules.nat)
		trial->rules.stateful = trial->rules.forwarding = true;
	/* The answer would be sent to this host itself. */
	if (trial->rules.leaving)
		trial->rules.effects = false;
	trial->tracked = trial->rules.stateful;
	trial->odd = !trial->rules.session && random_percent(random, 40);
	trial->in_front = !trial->rules.session && !trial->bounds && random_percent(random, 90);
	rules_generate(&trial->text, &pool, &trial->rules, random);
	draw_frames(trial, &pool, random);
}

static void trial_run(uint64_t seed, const struct extension_choice *choices)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	struct random random = {seed};
	int error;

	if (!trial)
		exit(99);
	trial->seed = seed;
	draw_rules(trial, choices, &random);
	error = trial_prepare(trial, &why);
	check(trial, READ, error != -EINVAL, why.data);
	if (!error)
		run_all(trial);
	else if (error == -EDOM)
		totals.unsure_rulesets++;
	else if (error != -EINVAL)
		check(trial, ENGINE_LEGACY, false, strerror(-error));
	testbed_flush();
	trial_fini(trial);
	free(trial);
}

/* --- fixed cases
 * ------------------------------------------------------------------------------------------------------- */

static void run_case(const struct fixed_case *fixed)
{
	struct trial *trial = calloc(1, sizeof(*trial));
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	struct rule_tally alone = {0};
	int error;

	if (!trial)
		exit(99);
	trial->family = fixed->family;
	trial->tracked = fixed->tracked;
	trial->odd = true;
	trial->rules.forwarding = fixed->forwarding;
	trial->rules.session = fixed->session;
	buffer_printf(&trial->text.tables, "# Generated by ip%stables-save v1.8.9\n%s",
		      fixed->family == FAMILY_IPV4 ? "" : "6", fixed->tables);
	if (fixed->sets)
		buffer_puts(&trial->text.sets, fixed->sets);
	for (size_t i = 0; i < fixed->count; i++) {
		case_plan(fixed, i, &trial->frames[i].plan);
		frame_build(&trial->frames[i].plan, &trial->frames[i].frame);
	}
	trial->frame_count = fixed->count;
	error = trial_prepare(trial, &why);
	/* All of these are known. */
	if (!error && fixed->session && trial->prediction.unsure)
		error = -EDOM;
	if (error) {
		buffer_printf(&why, "%s: %s", fixed->name, strerror(-error));
		check(trial, FIXED, false, why.data);
	} else {
		run_alone(trial, false, FIXED, &alone);
	}
	testbed_flush();
	tally_fini(&alone);
	trial_fini(trial);
	free(trial);
}

/* --- where the flavours differ
 * ---------------------------------------------------------------------------------------- */

/* Whether the last rule counted the frame. -errno. */
static int flavour_counts(const struct flavour_case *flavour, bool nft, const struct frame *frame,
			  struct buffer *why)
{
	struct trial trial = {.family = flavour->family};
	struct buffer saved __attribute__((cleanup(buffer_fini))) = {0};
	struct ruleset *ruleset __attribute__((cleanup(ruleset_cleanup))) = NULL;
	const struct chain *chain;

	buffer_printf(
	    &trial.text.tables,
	    "# Generated by ip%stables-save v1.8.9\n*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n"
	    "-A PREROUTING -s %s -j DROP\n-A PREROUTING %s\nCOMMIT\n%s",
	    flavour->family == FAMILY_IPV4 ? "" : "6",
	    flavour->family == FAMILY_IPV4 ? SENTINEL_IPV4 "/32" : SENTINEL_IPV6 "/128", flavour->rule,
	    flavour->tables ? flavour->tables : "");
	if (!trial_load(&trial, nft, why) || testbed_send(frame, 1, flavour->family, nft, &saved) ||
	    !(ruleset = fixture_load_saved(&saved, &trial.text, why))) {
		drawn_rules_fini(&trial.text);
		return -EIO;
	}
	drawn_rules_fini(&trial.text);
	chain = ruleset->tables[flavour->family][TABLE_RAW].chains[0];
	for (int id = TABLE_RAW + 1; id < TABLE_COUNT && flavour->tables; id++) {
		const struct table *table = &ruleset->tables[flavour->family][id];

		for (size_t i = 0; i < table->chain_count; i++)
			if (table->chains[i]->rule_count)
				chain = table->chains[i];
	}
	return chain->rules[chain->rule_count - 1].packets != 0;
}

static void run_flavour(const struct flavour_case *flavour)
{
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	struct report_place place = {0};
	bool v4 = flavour->family == FAMILY_IPV4;
	struct frame_plan plan = flavour->plan;
	struct frame frame;

	plan.family = flavour->family;
	plan.source = pool_parse(plan.family, v4 ? "203.0.113.9" : "2001:db8:9::7");
	plan.destination = pool_parse(plan.family, v4 ? HOST_IPV4 : HOST_IPV6);
	frame_build(&plan, &frame);
	for (int nft = 0; nft < 2; nft++) {
		int counted = flavour_counts(flavour, nft, &frame, &why);

		report(&properties[FLAVOURS], &place, counted == flavour->counted[nft], "%s, %s: %s%s",
		       flavour->name, nft ? "nft" : "legacy", counted ? "counted" : "not counted",
		       why.data ? why.data : "");
	}
	testbed_flush();
}

static void run_chance(void)
{
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	struct report_place place = {0};
	int error = chance_check(&why);

	report(&properties[CHANCE], &place, !error && !why.size, "%s%s", error ? strerror(-error) : "",
	       why.data ? why.data : "");
}

/* --- all of them
 * ------------------------------------------------------------------------------------------------------- */

static void print_totals(const char *when)
{
	printf("# %s: %" PRIu64 " rulesets, %" PRIu64 " packets sent, %" PRIu64
	       " rules compared, which counted %" PRIu64 " packets; %" PRIu64
	       " packets of which the engine gives bounds, %" PRIu64 " packets and %" PRIu64
	       " rulesets left out, as what they meet is not certain\n",
	       when, totals.rulesets, totals.packets, coverage_rules, coverage_packets, totals.doubtful,
	       totals.unsure, totals.unsure_rulesets);
	fflush(stdout);
}

static void run_for(unsigned long seconds, uint64_t seed, const struct extension_choice *choices)
{
	time_t begin = time(NULL), end = begin + (time_t)seconds, shown = begin;

	for (size_t i = 0; i < flavour_case_count; i++)
		run_flavour(&flavour_cases[i]);
	run_chance();
	for (size_t i = 0; i < fixed_case_count; i++)
		if (strstr(fixed_cases[i].tables, SENTINEL_IPV4) ||
		    strstr(fixed_cases[i].tables, SENTINEL_IPV6))
			run_case(&fixed_cases[i]);
	for (uint64_t i = 0; time(NULL) < end; i++) {
		char when[32];

		trial_run(random_seed(seed, i), choices);
		if (time(NULL) - shown < PROGRESS_SECONDS)
			continue;
		shown = time(NULL);
		snprintf(when, sizeof(when), "after %ld s", (long)(shown - begin));
		print_totals(when);
	}
}

int main(int argc, char **argv)
{
	unsigned long seconds = argc > 1 ? strtoul(argv[1], NULL, 0) : SECONDS;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : SEED;
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	struct extension_choice choices[2];
	struct report_place place = {0};
	size_t unread;

	if (testbed_make(&why)) {
		printf("1..0 # SKIP %s\n", why.data ? why.data : "no testbed");
		return 0;
	}
	printf("# seed 0x%016" PRIx64 ", for %lu seconds\n", seed, seconds);
	for (size_t i = 0; i < extension_left_out_count; i++)
		printf("# left out: %s: %s\n", extensions_left_out[i].names, extensions_left_out[i].reason);
	unread = probe_extensions(&choices[0], &choices[1], &why);
	report(&properties[READ], &place, !unread, "%zu lines that iptables loads: %s", unread,
	       why.data ? why.data : "");
	if (!seconds)
		trial_run(seed, choices);
	else
		run_for(seconds, seed, choices);
	coverage_print();
	print_totals("all");
	return report_finish(properties, PROPERTIES);
}
