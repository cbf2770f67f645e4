/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Random rulesets and packets, judged by unrelated code that must agree: the engine rule by rule (the
 * oracle), the region as a diagram, and the plane's tables through the look-up that XDP runs. Needs no
 * privileges; kernel.c holds the engine and XDP against the kernel's own counters.
 *
 * parity [RULESETS [SEED]]: with a seed that a failure printed and 1, that ruleset alone. */
#include "cases.h"
#include "fixture.h"
#include "frames_header.h"
#include "oracle.h"
#include "packet/parse.h"
#include "plane/plane.h"
#include "report.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULESETS 300
#define PACKETS 48
#define SEED 0x77656972u
#define LINK_ETHERNET 1

enum {
	READ,
	KEY,
	PLAIN,
	SOUND,
	SOUND_FRAGMENT,
	SOUND_MERGED,
	COMPLETE,
	COUNTED,
	COUNTED_ALL,
	ALLOWANCE,
	PROOF,
	PLANE,
	PLANE_CREDIT,
	FIXED,
	DROPS,
	LISTS,
	PROPERTIES
};

static struct property properties[PROPERTIES] = {
    [READ] = {.name = "generated rulesets are read"},
    [KEY] = {.name = "match key and decoded packet agree"},
    [PLAIN] = {.name = "plain frames have a match key"},
    [SOUND] = {.name = "what the region drops, the engine drops whatever the unknowns are"},
    [SOUND_FRAGMENT] = {.name = "fragments are dropped only if every whole packet they may be of is"},
    [SOUND_MERGED] = {.name = "segments with data are dropped whatever FIN, PSH and CWR become"},
    [COMPLETE] = {.name = "what the engine drops whatever the unknowns are, the region drops"},
    [COUNTED] = {.name = "rules that the region counts are those that the engine meets"},
    [COUNTED_ALL] = {.name = "rules that the engine meets are counted or named as not counted"},
    [ALLOWANCE] = {.name = "to allow effects only adds to the region"},
    [PROOF] = {.name = "tables are proven against their regions"},
    [PLANE] = {.name = "the look-up drops what the region drops"},
    [PLANE_CREDIT] = {.name = "the look-up credits what the region counts"},
    [FIXED] = {.name = "fixed cases: early where it should be, and nowhere else"},
    [DROPS] = {.name = "a good part of the packets is dropped early"},
    [LISTS] = {.name = "lists of rules are found"},
};

/* HOST_IPV4 and HOST_IPV6 */
static const __typeof__(*((struct region_options *)NULL)->locals) host_addresses[] = {
    {FAMILY_IPV4, 0xc0000201, 0xc0000201},
    {FAMILY_IPV6, (address)0x20010db800020000 << 64 | 1, (address)0x20010db800020000 << 64 | 1},
};

struct trial {
	uint64_t seed;
	struct random random;
	struct pool pool;
	struct rules_options rules;
	struct drawn_rules text;
	struct region_options options;
	struct ruleset *ruleset;
	struct region *region, *strict; /* strict: nothing allowed, not even what conntrack sees */
	struct plane *plane;
	const struct packet *packet;
	const struct frame *frame;
	/* Of the packet at hand. */
	const struct attribution *attribution;
};

static bool check(struct trial *trial, int property, bool right, const char *what)
{
	struct report_place place = {trial->seed, &trial->text, trial->packet, trial->frame};

	return report(&properties[property], &place, right, "%s", what);
}

/* --- what a packet is counted on
 * ------------------------------------------------------------------------------- */

/* The rule, or the chain of a policy, that a unit stands for in this packet. *element is what the plane
 * credits. */
static const void *unit_counted(const struct region *region, uint32_t index, const struct packet *packet,
				int64_t *element)
{
	const struct unit *unit = &region->units[index];
	const struct predicate *predicate = unit->predicate;

	*element = -1;
	if (predicate) {
		address source = address_from_bytes(packet->family, packet->source);
		address destination = address_from_bytes(packet->family, packet->destination);
		bool icmp =
		    packet->protocol == (packet->family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
		uint16_t port = predicate->pair_source_port ? packet->source_port : packet->destination_port;

		if (icmp)
			port = (uint16_t)(packet->icmp_type << 8 | packet->icmp_code);
		if (predicate->kind == PREDICATE_SOURCE)
			*element = predicate_find(predicate, source);
		else if (predicate->kind == PREDICATE_DESTINATION)
			*element = predicate_find(predicate, destination);
		else if (predicate->kind == PREDICATE_PAIR)
			*element = predicate_find_point(predicate,
							predicate->pair_source_address ? source : destination,
							packet->protocol, port);
	}
	switch (unit->kind) {
	case UNIT_POLICY:
		return unit->chain;
	case UNIT_LIST:
		if (*element < 0 || (size_t)*element >= unit->rule_count)
			return NULL;
		return unit->rule + *element;
	case UNIT_RULE:
		break;
	}
	return unit->rule;
}

static bool is_uncounted(const struct region *region, const void *counted)
{
	for (size_t i = 0; i < region->uncounted_count; i++) {
		const struct unit *unit = &region->units[region->uncounted[i]];

		if (unit->kind == UNIT_POLICY
			? counted == unit->chain
			: (const struct rule *)counted >= unit->rule &&
			      (const struct rule *)counted < unit->rule + unit->rule_count)
			return true;
	}
	return false;
}

static void describe(const void *counted, const struct region *region, struct buffer *out)
{
	for (size_t i = 0; i < region->unit_count; i++) {
		const struct unit *unit = &region->units[i];

		if (unit->kind == UNIT_POLICY && counted == unit->chain) {
			buffer_printf(out, "policy of %.*s", (int)unit->chain->name.size,
				      unit->chain->name.data);
			return;
		}
		if (unit->kind != UNIT_POLICY && (const struct rule *)counted >= unit->rule &&
		    (const struct rule *)counted < unit->rule + unit->rule_count) {
			struct text line = rule_text(counted);

			buffer_printf(out, "%s unit %zu: %.*s", table_names[unit->chain->table->id], i,
				      (int)line.size, line.data);
			return;
		}
	}
	buffer_puts(out, "something that is no unit");
}

static void visit_counts(void *context, const struct packet *packet, enum path path,
			 const struct outcome *outcome, const struct trace *trace)
{
	struct trial *trial = context;
	const struct attribution *attribution = trial->attribution;
	const struct region *region = trial->region;
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	bool right = true;

	(void)outcome;
	for (size_t i = 0; i < attribution->unit_count && right; i++) {
		int64_t element;
		const void *counted = unit_counted(region, attribution->units[i], trial->packet, &element);

		right = counted && trace_times(trace, counted) == 1;
		if (!right && counted) {
			buffer_printf(&why, "met %zu times with state %s, %s: ", trace_times(trace, counted),
				      connection_state_name(packet->state),
				      path == PATH_INPUT ? "INPUT" : "FORWARD");
			describe(counted, region, &why);
		}
	}
	check(trial, COUNTED, right, why.data ? why.data : "a list that does not have the packet");
	buffer_fini(&why);
	right = true;
	for (size_t i = 0; i < trace->count && right; i++) {
		bool found =
		    trace->items[i].truth != TRUTH_YES || is_uncounted(region, trace->items[i].counted);

		for (size_t j = 0; j < attribution->unit_count && !found; j++) {
			int64_t element;

			found = unit_counted(region, attribution->units[j], trial->packet, &element) ==
				trace->items[i].counted;
		}
		right = found;
		if (!right) {
			buffer_printf(&why,
				      "not counted, state %s, %s: ", connection_state_name(packet->state),
				      path == PATH_INPUT ? "INPUT" : "FORWARD");
			describe(trace->items[i].counted, region, &why);
		}
	}
	check(trial, COUNTED_ALL, right, why.data ? why.data : "");
}

/* --- one packet
 * ------------------------------------------------------------------------------------------------ */

/* The packet that the key describes: what the region is asked about. */
static void packet_of_key(const struct packet_key *key, struct packet *packet)
{
	*packet = (struct packet){.family = key->family == 4 ? FAMILY_IPV4 : FAMILY_IPV6};
	packet->known = KNOWN_PROTOCOL | KNOWN_SOURCE | KNOWN_DESTINATION | KNOWN_PORTS | KNOWN_SOURCE_PORT |
			KNOWN_DESTINATION_PORT | KNOWN_TCP_FLAGS | KNOWN_ICMP | KNOWN_LENGTH | KNOWN_FRAGMENT;
	if (key->family == 4) {
		address_to_bytes(FAMILY_IPV4, key->source[0], packet->source);
		address_to_bytes(FAMILY_IPV4, key->destination[0], packet->destination);
	} else {
		address_to_bytes(FAMILY_IPV6, (address)key->source[0] << 64 | key->source[1], packet->source);
		address_to_bytes(FAMILY_IPV6, (address)key->destination[0] << 64 | key->destination[1],
				 packet->destination);
	}
	packet->protocol = key->protocol;
	packet->length = key->length;
	packet->more_fragments = key->fragment;
	if (key->protocol == (key->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		packet->icmp_type = (uint8_t)(key->destination_port >> 8);
		packet->icmp_code = (uint8_t)key->destination_port;
	} else {
		packet->source_port = key->source_port;
		packet->destination_port = key->destination_port;
	}
	packet->tcp_flags = key->tcp_flags;
	packet->payload = key->payload;
}

static uint32_t region_at(const struct region *region, const struct packet *packet)
{
	bool *bits = calloc(diagram_variables(region->fields->diagram) + 1, sizeof(*bits));
	uint32_t value;

	if (!bits)
		exit(99);
	fields_assign(region->fields, packet, STATE_NEW, NULL, bits);
	value = diagram_evaluate(region->fields->diagram, region->root, bits);
	free(bits);
	return value;
}

static bool keys_agree(const struct packet_key *key, const struct packet *packet)
{
	struct packet other;
	bool fragment = packet->fragment_offset || packet->more_fragments, atomic;

	packet_of_key(key, &other);
	/* A fragment header on a packet that is whole: the key calls it a fragment, which is the cautious
	 * side. */
	atomic = packet->family == FAMILY_IPV6 && packet->ip_options && !fragment;
	if (other.family != packet->family || memcmp(other.source, packet->source, 16) != 0 ||
	    memcmp(other.destination, packet->destination, 16) != 0 || other.length != packet->length ||
	    other.protocol != packet->protocol || packet->transport_short || packet->header_error)
		return false;
	if (key->fragment != fragment && !(atomic && key->fragment))
		return false;
	if (key->fragment)
		return !key->source_port && !key->destination_port && !key->tcp_flags && !key->payload;
	if (packet->protocol == IPPROTO_TCP &&
	    (other.tcp_flags != packet->tcp_flags || !key->payload != !packet->payload))
		return false;
	return other.source_port == packet->source_port &&
	       other.destination_port == packet->destination_port && other.icmp_type == packet->icmp_type &&
	       other.icmp_code == packet->icmp_code;
}

/* A whole packet of which the fragment may be a part: with some transport header, put together or as its
 * parts. */
static void fragment_origin(struct trial *trial, struct packet *packet)
{
	static const uint8_t flags[] = {0x02, 0x10, 0x12, 0x11, 0x04, 0x18, 0x00};
	struct random *random = &trial->random;
	uint32_t view = random_below(random, 3);

	packet->known |=
	    KNOWN_PORTS | KNOWN_SOURCE_PORT | KNOWN_DESTINATION_PORT | KNOWN_TCP_FLAGS | KNOWN_ICMP;
	packet->source_port = pool_port(&trial->pool, random);
	packet->destination_port = pool_port(&trial->pool, random);
	packet->tcp_flags = flags[random_below(random, sizeof(flags))];
	packet->icmp_type = trial->pool.types[random_below(random, 4)];
	packet->icmp_code = (uint8_t)random_below(random, 3);
	packet->payload = random_below(random, 2) * 16;
	packet->fragment_offset = view == 2 ? 4 : 0;
	packet->more_fragments = view == 1;
	if (view == 2)
		packet->known &= ~(uint32_t)(KNOWN_PORTS | KNOWN_SOURCE_PORT | KNOWN_DESTINATION_PORT |
					     KNOWN_TCP_FLAGS | KNOWN_ICMP);
}

static bool drops_as_fragment(struct trial *trial, const struct packet *packet)
{
	for (int i = 0; i < 8; i++) {
		struct packet origin = *packet;

		fragment_origin(trial, &origin);
		if (!oracle_drops(trial->ruleset, &origin, &trial->options, NULL, NULL))
			return false;
	}
	return true;
}

static bool drops_merged(struct trial *trial, const struct packet *packet)
{
	static const uint8_t merged[] = {0x01, 0x08, 0x80};

	for (unsigned i = 0; i < 8; i++) {
		struct packet other = *packet;

		for (unsigned bit = 0; bit < 3; bit++) {
			other.tcp_flags &= (uint8_t)~merged[bit];
			if (i >> bit & 1)
				other.tcp_flags |= merged[bit];
		}
		if (!oracle_drops(trial->ruleset, &other, &trial->options, NULL, NULL))
			return false;
	}
	return true;
}

static int compare_credits(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct plane_credit));
}

/* The look-up's hits as credits, against the attribution's. */
static bool credits_agree(struct trial *trial, const struct plane_answer *answer, const struct packet *packet,
			  struct buffer *why)
{
	struct plane_credit expected[64], found[64];
	size_t wanted = 0, got = 0;

	memset(expected, 0, sizeof(expected));
	memset(found, 0, sizeof(found));
	for (size_t i = 0; i < trial->attribution->unit_count && wanted < 64; i++, wanted++) {
		expected[wanted].family = (uint8_t)packet->family;
		expected[wanted].unit = trial->attribution->units[i];
		unit_counted(trial->region, expected[wanted].unit, packet, &expected[wanted].element);
	}
	for (uint32_t h = 0; h < answer->hit_count; h++)
		for (size_t c = 0; c < trial->plane->credit_count && got < 64; c++) {
			const struct plane_credit *credit = &trial->plane->credits[c];

			if (credit->slot != answer->hits[h])
				continue;
			found[got].family = credit->family;
			found[got].unit = credit->unit;
			found[got++].element = credit->element;
		}
	for (size_t i = 0; i < wanted; i++) /* a set's member is credited, or the rule as a whole */
		for (size_t j = 0; j < got; j++)
			if (trial->region->units[expected[i].unit].kind == UNIT_RULE &&
			    found[j].element < 0 && found[j].unit == expected[i].unit)
				expected[i].element = -1;
	qsort(expected, wanted, sizeof(*expected), compare_credits);
	qsort(found, got, sizeof(*found), compare_credits);
	if (wanted == got && memcmp(expected, found, got * sizeof(*found)) == 0)
		return true;
	buffer_puts(why, "expected");
	for (size_t i = 0; i < wanted; i++)
		buffer_printf(why, " unit %u element %lld;", expected[i].unit,
			      (long long)expected[i].element);
	buffer_puts(why, " found");
	for (size_t i = 0; i < got; i++)
		buffer_printf(why, " unit %u element %lld;", found[i].unit, (long long)found[i].element);
	return false;
}

static void check_early(struct trial *trial, const struct packet_key *key, const struct packet *packet,
			uint32_t early)
{
	trial->attribution = &trial->region->attributions[early];
	if (key->fragment)
		check(trial, SOUND_FRAGMENT, drops_as_fragment(trial, packet),
		      "not dropped for every header");
	else
		check(trial, SOUND,
		      oracle_drops(trial->ruleset, packet, &trial->options, visit_counts, trial),
		      "dropped early, but not surely by the rules");
	if (key->payload && !key->fragment)
		check(trial, SOUND_MERGED, drops_merged(trial, packet), "not dropped when merged");
}

static void check_packet(struct trial *trial, const struct packet_key *key, const struct packet *packet)
{
	struct packet asked;
	struct plane_answer answer;
	uint32_t early, strict;

	packet_of_key(key, &asked);
	early = region_at(trial->region, &asked);
	strict = region_at(trial->strict, &asked);
	check(trial, ALLOWANCE, early || !strict, "in the region only when less is allowed");
	if (early >= trial->region->attribution_count) {
		check(trial, SOUND, false, "a terminal without attribution");
		return;
	}
	if (early) {
		check_early(trial, key, packet, early);
	} else if (!trial->rules.opaque && !trial->rules.timed && !trial->region->undecided) {
		/* Sampling cannot show that a fragment is dropped for every header: only whole packets. */
		bool drops = !key->fragment && (key->payload ? drops_merged(trial, packet)
							     : oracle_drops(trial->ruleset, packet,
									    &trial->options, NULL, NULL));

		check(trial, COMPLETE, !drops, "surely dropped by the rules, but not early");
	}
	if (!trial->plane)
		return;
	plane_look_up(trial->plane, key, &answer);
	check(trial, PLANE, !answer.drop == !early, early ? "not dropped" : "dropped");
	if (early && answer.drop) {
		struct buffer why __attribute__((cleanup(buffer_fini))) = {0};

		bool agree;

		trial->attribution = &trial->region->attributions[early];
		agree = credits_agree(trial, &answer, &asked, &why);
		check(trial, PLANE_CREDIT, agree, why.data ? why.data : "");
	}
}

/* Nothing in it that parse.h may leave to the kernel. */
static bool is_plain(const struct frame_plan *plan, const struct packet *packet)
{
	bool ports = plan->protocol == IPPROTO_TCP || plan->protocol == IPPROTO_UDP;
	uint16_t a = packet->source_port, b = packet->destination_port;
	bool dhcp = a == 67 || a == 68 || b == 67 || b == 68 || a == 546 || a == 547 || b == 546 || b == 547;

	return plan->to == TO_HOST && !plan->vlan_tags && !header_tcp_malformed(plan) && !plan->options &&
	       !plan->extensions && !plan->cut && !plan->truncated && ports && !dhcp &&
	       plan->fragment == FRAME_WHOLE &&
	       (plan->family == FAMILY_IPV4 || packet->destination[0] != 0xff);
}

/* Whether it is dropped early. */
static bool try_packet(struct trial *trial, const struct frame_plan *plan)
{
	struct frame frame;
	struct plane_answer answer = {0};
	struct packet packet;
	struct packet_key key;
	enum link_verdict verdict;
	uint8_t own[8] __attribute__((aligned(8)));
	bool parsed;

	frame_build(plan, &frame);
	if (packet_decode(LINK_ETHERNET, frame.data, frame.size, frame.size, &packet, &verdict)) {
		check(trial, KEY, false, "packet_decode() failed");
		return false;
	}
	trial->packet = &packet;
	trial->frame = &frame;
	memcpy(own, frame_own_mac, 6);
	parsed = packet_parse_frame(frame.data, frame.data + frame.size, own, &key) != 0;
	if (verdict == FRAME_OK && is_plain(plan, &packet))
		check(trial, PLAIN, parsed, "no match key");
	if (parsed) {
		check(trial, KEY,
		      verdict == FRAME_OK && plan->to == TO_HOST && !plan->vlan_tags &&
			  keys_agree(&key, &packet),
		      "a match key that is not the packet's");
		if (verdict == FRAME_OK)
			check_packet(trial, &key, &packet);
		if (trial->plane)
			plane_look_up(trial->plane, &key, &answer);
	}
	trial->packet = NULL;
	trial->frame = NULL;
	return answer.drop;
}

/* --- one ruleset
 * ----------------------------------------------------------------------------------------------- */

static void trial_draw(struct trial *trial)
{
	struct random *random = &trial->random;
	enum family family = random_percent(random, 50) ? FAMILY_IPV4 : FAMILY_IPV6;
	uint32_t forwarding = random_below(random, 3);

	pool_fill(&trial->pool, family, random);
	trial->rules = (struct rules_options){
	    .opaque = random_percent(random, 25),
	    .stateful = random_percent(random, 50),
	    .forwarding = random_percent(random, 60),
	    .effects = random_percent(random, 40),
	    .timed = random_percent(random, 25),
	};
	trial->options = (struct region_options){
	    .interface = random_percent(random, 60) ? TEST_INTERFACE : NULL,
	    .local_count = random_percent(random, 70) ? 2 : 0,
	    .locals = host_addresses,
	    .allowed = EFFECT_CONNTRACK | (random_percent(random, 20) ? EFFECT_LOG : 0) |
		       (random_percent(random, 10) ? EFFECT_REJECT : 0),
	};
	trial->options.forwarding[family] = forwarding == 0   ? TRUTH_NO
					    : forwarding == 1 ? TRUTH_YES
							      : TRUTH_UNKNOWN;
	trial->options.nat[family] = TRUTH_UNKNOWN;
	if (random_percent(random, 50)) {
		static struct extension_choice choice;

		extension_choose_modelled(&choice);
		trial->rules.extensions = &choice;
		trial->rules.session = random_percent(random, 30);
		trial->rules.unknown = random_percent(random, 30);
		/* Of a frame the engine knows more than the region, which has no fields for it. */
		trial->rules.opaque = true;
	}
	rules_generate(&trial->text, &trial->pool, &trial->rules, random);
}

static bool trial_build(struct trial *trial)
{
	struct region_options strict = trial->options;
	const struct region *regions[FAMILY_COUNT] = {NULL};
	struct buffer why __attribute__((cleanup(buffer_fini))) = {0};
	enum family family = trial->pool.family;
	int error;

	trial->ruleset = fixture_load(&trial->text, &why);
	if (!check(trial, READ, trial->ruleset, why.data ? why.data : ""))
		return false;
	strict.allowed = 0;
	if (region_compute(trial->ruleset, family, &trial->options, &trial->region) ||
	    region_compute(trial->ruleset, family, &strict, &trial->strict)) {
		check(trial, SOUND, false, "region_compute() failed");
		return false;
	}
	regions[family] = trial->region;
	error = plane_build(regions, &trial->plane);
	if (!check(trial, PROOF, !error, strerror(-error))) {
		trial->plane = NULL;
		return true;
	}
	error = plane_prove(trial->plane, regions, &why);
	check(trial, PROOF, !error, why.data ? why.data : strerror(-error));
	return true;
}

static void trial_fini(struct trial *trial)
{
	plane_cleanup(&trial->plane);
	region_cleanup(&trial->region);
	region_cleanup(&trial->strict);
	ruleset_cleanup(&trial->ruleset);
	drawn_rules_fini(&trial->text);
}

static void run(uint64_t seed)
{
	struct trial trial = {.seed = seed, .random = {seed}};

	trial_draw(&trial);
	if (trial_build(&trial)) {
		for (int i = 0; i < PACKETS; i++) {
			struct frame_plan plan;

			if (trial.rules.extensions)
				frame_plan_rich(&plan, &trial.pool, false, &trial.random);
			else
				frame_plan_random(&plan, &trial.pool, false, &trial.random);
			try_packet(&trial, &plan);
		}
		for (size_t i = 0; i < trial.region->unit_count; i++)
			properties[LISTS].compared += trial.region->units[i].kind == UNIT_LIST;
	}
	trial_fini(&trial);
}

static void run_case(const struct fixed_case *fixed)
{
	struct trial trial = {.random = {SEED}};

	pool_fill(&trial.pool, fixed->family, &trial.random);
	trial.rules.opaque = true; /* what is known of it is in the case */
	trial.options = (struct region_options){
	    .interface = TEST_INTERFACE,
	    .local_count = 2,
	    .locals = host_addresses,
	    .allowed = EFFECT_CONNTRACK,
	};
	trial.options.forwarding[fixed->family] = fixed->forwarding ? TRUTH_YES : TRUTH_NO;
	trial.options.nat[fixed->family] = TRUTH_UNKNOWN;
	buffer_printf(&trial.text.tables, "# Generated by ip%stables-save v1.8.9\n%s",
		      fixed->family == FAMILY_IPV4 ? "" : "6", fixed->tables);
	if (fixed->sets)
		buffer_puts(&trial.text.sets, fixed->sets);
	if (!trial_build(&trial))
		check(&trial, FIXED, false, fixed->name);
	else
		for (size_t i = 0; i < fixed->count; i++) {
			struct buffer what __attribute__((cleanup(buffer_fini))) = {0};
			struct frame_plan plan;

			case_plan(fixed, i, &plan);
			buffer_printf(&what, "%s: packet %zu is %s", fixed->name, i + 1,
				      fixed->packets[i].early ? "not dropped early" : "dropped early");
			check(&trial, FIXED, try_packet(&trial, &plan) == fixed->packets[i].early, what.data);
		}
	trial_fini(&trial);
}

int main(int argc, char **argv)
{
	unsigned long rulesets = argc > 1 ? strtoul(argv[1], NULL, 0) : RULESETS;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : SEED;

	printf("# seed 0x%016" PRIx64 ", %lu rulesets of up to %d packets\n", seed, rulesets, PACKETS);
	if (rulesets == 1 && argc > 2) {
		run(seed);
	} else {
		for (size_t i = 0; i < fixed_case_count; i++)
			run_case(&fixed_cases[i]);
		for (unsigned long i = 0; i < rulesets; i++)
			run(random_seed(seed, i));
	}
	/* Neither side must win by never dropping: a tenth of what is asked about must be in the region. */
	properties[DROPS].compared = 1;
	properties[DROPS].wrong =
	    properties[SOUND].compared * 10 < properties[PLANE].compared && rulesets > 1;
	return report_finish(properties, PROPERTIES);
}
