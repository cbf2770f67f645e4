/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The frames of a capture through the engine, one by one, and what each of them counts on. */
#include "command/command.h"
#include "command/replay.h"
#include "extension/session.h"
#include "packet/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINK_ETHERNET = 1, LINK_COOKED = 113, LINK_COOKED2 = 276 };

/* --- counting
 * --------------------------------------------------------------------------------------------------- */

static int counters_new(struct replay *replay)
{
	for (unsigned family = 0; family < FAMILY_COUNT; family++) {
		for (unsigned id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &replay->ruleset->tables[family][id];
			struct chain_count *chains =
			    arena_array(replay->arena, table->chain_count, sizeof(struct chain_count));
			if (!chains)
				return -ENOMEM;
			replay->chains[family][id] = chains;
			for (size_t i = 0; i < table->chain_count; i++) {
				const struct chain *chain = table->chains[i];
				chains[chain->order].rules =
				    arena_array(replay->arena, chain->rule_count, sizeof(struct rule_count));
				if (!chains[chain->order].rules)
					return -ENOMEM;
			}
		}
	}
	return 0;
}

struct chain_count *replay_chain(const struct replay *replay, const struct chain *chain)
{
	return &replay->chains[chain->table->family][chain->table->id][chain->order];
}

struct rule_count *replay_rule(const struct replay *replay, const struct rule *rule)
{
	return &replay_chain(replay, rule->chain)->rules[rule->number - 1];
}

static void count_add(struct count *count, uint32_t bytes, enum truth truth)
{
	if (truth == TRUTH_YES) {
		count->packets++;
		count->bytes += bytes;
	} else {
		count->perhaps++;
	}
}

static void count_step(void *context, const struct step *step)
{
	struct replay *replay = context;
	if (step->kind == STEP_RULE) {
		enum target_kind kind = step->rule->target.type->kind;
		count_add(&replay_rule(replay, step->rule)->count, replay->length, step->truth);
		if ((kind == TARGET_OPAQUE || kind == TARGET_QUEUE) && !replay->opaque)
			replay->opaque = step->rule;
		if (replay->tee && kind == TARGET_CONTINUE && step->truth == TRUTH_YES && !replay->error)
			replay->error = replay_tee_step(replay, step);
	} else if (step->kind == STEP_POLICY) {
		count_add(&replay_chain(replay, step->chain)->policy, replay->length, step->truth);
	}
}

static enum total total_of(unsigned verdicts)
{
	switch (verdicts) {
	case VERDICT_ACCEPT:
		return TOTAL_ACCEPTED;
	case VERDICT_DROP:
		return TOTAL_DROPPED;
	case VERDICT_REJECT:
		return TOTAL_REJECTED;
	default:
		return TOTAL_UNDECIDED;
	}
}

/* Neighbour discovery and multicast listener messages are never tracked: nf_conntrack_icmpv6_error(). */
static bool never_tracked(const struct packet *packet)
{
	if (packet->family != FAMILY_IPV6 || !(packet->known & KNOWN_ICMP) || packet->fragment_offset)
		return false;
	return (packet->icmp_type >= 130 && packet->icmp_type <= 136) || packet->icmp_type == 143;
}

static void complete_packet(const struct replay *replay, struct packet *packet)
{
	packet->time = replay->frame->time;
	packet->known |= KNOWN_TIME;
	if (replay->interface && !packet->vlan) {
		bool leaving = replay->origin == ORIGIN_LEAVING;
		snprintf(leaving ? packet->out : packet->in, INTERFACE_NAME_MAX, "%s", replay->interface);
		packet->known |= leaving ? KNOWN_OUT : KNOWN_IN;
	}
	/* What the sending program gave it, or a frame by which it came in, the capture does not show. */
	if (replay->origin == ORIGIN_LEAVING)
		packet->known &= ~(uint32_t)(KNOWN_MARK | KNOWN_MAC | KNOWN_TYPE);
	if (replay->state_given) {
		packet->state =
		    replay->state == STATE_NEW && never_tracked(packet) ? STATE_UNTRACKED : replay->state;
		packet->known |= KNOWN_STATE;
	}
}

static int note_reason(struct replay *replay, const struct packet *packet, const struct outcome *outcome)
{
	if (replay->opaque && (outcome->verdicts & VERDICT_UNKNOWN)) {
		replay_rule(replay, replay->opaque)->undecided_target++;
	} else if (outcome->unsure) {
		struct rule_count *count = replay_rule(replay, outcome->unsure);
		if (!count->undecided_match++) {
			struct packet *example = arena_alloc(replay->arena, sizeof(*example));
			if (!example)
				return -ENOMEM;
			*example = *packet;
			packet_forget_bytes(example);
			count->example = example;
		}
	}
	return 0;
}

static int replay_packet(struct replay *replay, struct packet *packet, bool *dropped)
{
	struct outcome outcome;
	complete_packet(replay, packet);
	replay->length = packet->known & KNOWN_LENGTH ? packet->length : 0;
	replay->opaque = NULL;
	*dropped = false;
	if (!replay->ruleset->has_family[packet->family]) {
		count_add(&replay->totals[TOTAL_NO_RULES], replay->length, TRUTH_YES);
		return 0;
	}
	replay->error = 0;
	int result = engine_packet(replay->engine, packet, replay->origin, count_step, replay, &outcome);
	if (!result)
		result = replay->error;
	if (result)
		return result;
	if (replay->origin == ORIGIN_LEAVING)
		count_add(&replay->sent, replay->length, TRUTH_YES);
	enum total total = total_of(outcome.verdicts);
	/* Dropped with an answer or without: dropped in any case. */
	*dropped = outcome.verdicts && !(outcome.verdicts & ~(unsigned)(VERDICT_DROP | VERDICT_REJECT));
	count_add(&replay->totals[total], replay->length, TRUTH_YES);
	return total == TOTAL_UNDECIDED ? note_reason(replay, packet, &outcome) : 0;
}

/* --- which way a frame went
 * ------------------------------------------------------------------------------------------ */

/* Only where it matters: without, all packets are judged as coming in. */
static bool knows_both_ways(const struct replay *replay)
{
	return replay->follow != FOLLOW_NO || replay->local_count;
}

static bool is_local(const struct replay *replay, const struct packet *packet)
{
	address source = address_from_bytes(packet->family, packet->source);
	if (!(packet->known & KNOWN_SOURCE))
		return false;
	for (size_t i = 0; i < replay->local_count; i++) {
		const struct engine_local *local = &replay->locals[i];
		if (local->family == packet->family && source >= local->low && source <= local->high)
			return true;
	}
	return false;
}

static bool has_mac(const struct replay *replay, const struct capture_frame *frame)
{
	return replay->mac_given && frame->link_type == LINK_ETHERNET && frame->captured >= 12;
}

static bool sent_by_mac(const struct replay *replay, const struct capture_frame *frame)
{
	return knows_both_ways(replay) && has_mac(replay, frame) &&
	       memcmp(frame->data + 6, replay->mac, 6) == 0;
}

/* Ethernet only: a unicast frame to another host never reaches the rules. */
static bool for_another_host(const struct replay *replay, const struct capture_frame *frame)
{
	return has_mac(replay, frame) && !(frame->data[0] & 1) && memcmp(frame->data, replay->mac, 6) != 0;
}

/* Linux cooked captures say of each frame whether the host sent it (kind 4). packet_decode() reads what comes
 * in: a frame that went out is shown to it as one to the host. */
static bool decode_cooked_leaving(struct replay *replay, const struct capture_frame *frame,
				  struct packet *packet, enum link_verdict *link)
{
	static uint8_t copy[65600];
	static struct capture_frame shown;
	size_t at = frame->link_type == LINK_COOKED2 ? 10 : 1;
	if (!knows_both_ways(replay) ||
	    (frame->link_type != LINK_COOKED && frame->link_type != LINK_COOKED2) || frame->captured <= at ||
	    frame->captured > sizeof(copy) || frame->data[at] != 4)
		return false;
	memcpy(copy, frame->data, frame->captured);
	copy[at] = 0;
	shown = *frame;
	shown.data = copy;
	replay->frame = &shown; /* whose bytes the packet's are */
	packet_decode(frame->link_type, copy, frame->captured, frame->original, packet, link);
	return true;
}

/* --- the capture
 * ------------------------------------------------------------------------------------------------ */

struct progress {
	bool shown;
	struct timespec last;
};

static void show_progress(struct progress *progress, const struct capture *capture, uint64_t frames)
{
	struct timespec now;
	if (frames % 4096 || !isatty(STDERR_FILENO))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	double passed = (double)(now.tv_sec - progress->last.tv_sec) +
			(double)(now.tv_nsec - progress->last.tv_nsec) / 1e9;
	if (progress->last.tv_sec == 0)
		progress->last = now;
	else if (passed > 0.25) {
		double share = capture_progress(capture);
		progress->last = now;
		progress->shown = true;
		if (share >= 0)
			fprintf(stderr, "\r%llu packets, %.0f %%\033[K", (unsigned long long)frames,
				100 * share);
		else
			fprintf(stderr, "\r%llu packets\033[K", (unsigned long long)frames);
	}
}

static int replay_frame(struct replay *replay, const struct capture_frame *frame,
			struct capture_writer *writer)
{
	struct packet packet;
	enum link_verdict link;
	bool dropped;
	replay->frames++;
	replay->frame = frame;
	replay->origin = ORIGIN_RECEIVED;
	int result =
	    packet_decode(frame->link_type, frame->data, frame->captured, frame->original, &packet, &link);
	if (result == -ENOTSUP)
		return command_fail("replay", EXIT_USAGE,
				    "%s: link type %d is not understood: Ethernet, raw IP, Linux "
				    "cooked and loopback captures are",
				    replay->capture_path, frame->link_type);
	replay->frame_bytes += frame->original;
	bool leaving = sent_by_mac(replay, frame);
	if (link == FRAME_OTHER && decode_cooked_leaving(replay, frame, &packet, &link))
		leaving = true;
	if (link == FRAME_OTHER || (!leaving && for_another_host(replay, frame))) {
		replay->other++;
		return EXIT_DONE;
	}
	if (link == FRAME_MALFORMED) {
		replay->malformed++;
		return EXIT_DONE;
	}
	if (leaving || is_local(replay, &packet))
		replay->origin = ORIGIN_LEAVING;
	result = replay_packet(replay, &packet, &dropped);
	if (result)
		return command_fail("replay", EXIT_SYSTEM, "%s", strerror(-result));
	if (dropped && writer) {
		result = capture_writer_add(writer, frame);
		if (result)
			return command_fail("replay", EXIT_SYSTEM, "%s: %s", replay->write_path,
					    strerror(-result));
	}
	return EXIT_DONE;
}

static int replay_frames(struct replay *replay, struct capture *capture, struct capture_writer *writer)
{
	struct progress progress = {0};
	struct capture_frame frame;
	struct buffer reason = {0};
	int code = EXIT_DONE, more;
	while ((more = capture_next(capture, &frame, &reason)) == 1) {
		code = replay_frame(replay, &frame, writer);
		if (code != EXIT_DONE)
			break;
		show_progress(&progress, capture, replay->frames);
	}
	if (progress.shown)
		fputs("\r\033[K", stderr);
	if (more < 0)
		code = command_fail("replay", EXIT_USAGE, "%s: damaged after %llu packets: %s",
				    replay->capture_path, (unsigned long long)replay->frames,
				    reason.data ? reason.data : "unreadable");
	buffer_fini(&reason);
	return code;
}

static int open_engine(struct replay *replay, struct session *session)
{
	const struct engine_options options = {
	    .locals = replay->locals,
	    .local_count = replay->local_count,
	    .path = replay->path,
	    .follow = replay->follow != FOLLOW_NO,
	    .empty = replay->follow == FOLLOW_EMPTY,
	    .tcp_be_liberal = replay->liberal,
	    .session = session,
	};
	int result = session ? engine_new(replay->ruleset, &options, &replay->engine) : -ENOMEM;
	if (!result)
		result = counters_new(replay);
	return result;
}

/* A reason in words, or what errno says. */
static int fail(const char *path, int code, int result, struct buffer *reason)
{
	command_fail("replay", code, "%s: %s", path, reason->data ? reason->data : strerror(-result));
	buffer_fini(reason);
	return code;
}

static int commit(struct replay *replay, struct capture_writer *writer)
{
	int result = writer ? capture_writer_commit(writer) : 0;
	if (result)
		return command_fail("replay", EXIT_SYSTEM, "%s: %s", replay->write_path, strerror(-result));
	result = replay_tee_commit(replay);
	if (result)
		return command_fail("replay", EXIT_SYSTEM, "%s: %s", replay->tee_path, strerror(-result));
	return EXIT_DONE;
}

static int run(struct replay *replay, struct capture *capture)
{
	struct capture_writer *writer __attribute__((cleanup(capture_writer_cleanup))) = NULL;
	struct buffer reason = {0};
	int result = 0;
	if (replay->write_path)
		result = capture_writer_open(capture, replay->write_path, &writer, &reason);
	if (result)
		return fail(replay->write_path, EXIT_SYSTEM, result, &reason);
	result = replay_tee_open(replay, capture, &reason);
	if (result)
		return fail(replay->tee_path ? replay->tee_path : "TEE", EXIT_SYSTEM, result, &reason);
	buffer_fini(&reason);
	int code = replay_frames(replay, capture, writer);
	return code == EXIT_DONE ? commit(replay, writer) : code;
}

int replay_capture(struct replay *replay)
{
	struct capture *capture __attribute__((cleanup(capture_cleanup))) = NULL;
	struct buffer reason = {0};
	int result = capture_open(replay->capture_path, &capture, &reason);
	if (result)
		return fail(replay->capture_path, EXIT_USAGE, result, &reason);
	buffer_fini(&reason);
	struct session *session = session_new(replay->seed);
	result = open_engine(replay, session);
	int code =
	    result ? command_fail("replay", EXIT_SYSTEM, "%s", strerror(-result)) : run(replay, capture);
	replay_tee_close(replay);
	engine_free(replay->engine);
	replay->engine = NULL;
	session_free(session);
	return code;
}
