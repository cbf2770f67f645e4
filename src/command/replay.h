/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The parts of weir replay: packets through the engine (replay_packets.c), copies that TEE would send
 * (replay_tee.c), the report (replay_report.c), the command itself (replay.c). */
#ifndef WEIR_COMMAND_REPLAY_H
#define WEIR_COMMAND_REPLAY_H

#include "engine/engine.h"
#include "packet/capture.h"
#include "ruleset/ruleset.h"

struct count {
	uint64_t packets, bytes, perhaps; /* perhaps: packets of which it is not known */
};

struct rule_count {
	struct count count;
	uint64_t undecided_match,
	    undecided_target;         /* packets that are undecided for this rule first of all */
	const struct packet *example; /* the first of undecided_match */
	struct tee_count {
		uint64_t copies;         /* written */
		uint64_t not_written;    /* what was to be sent is not known */
		uint64_t again, perhaps; /* copied again by a host with these rules */
	} tee;
};

struct chain_count {
	struct count policy;
	struct rule_count *rules;
};

enum total { TOTAL_ACCEPTED, TOTAL_DROPPED, TOTAL_REJECTED, TOTAL_UNDECIDED, TOTAL_NO_RULES, TOTAL_COUNT };

enum follow { FOLLOW_NO, FOLLOW_YES, FOLLOW_EMPTY };

struct replay_tee;

struct replay {
	struct arena *arena;
	const struct ruleset *ruleset;
	const char *capture_path, *interface, *write_path, *tee_path;
	enum path path;
	bool state_given, json, mac_given, path_given, liberal;
	enum connection_state state;
	enum follow follow;
	uint64_t seed;
	uint8_t mac[6];
	struct engine_local *locals;
	size_t local_count;

	struct engine *engine;
	struct replay_tee *tee;                                /* NULL: no rule of the ruleset is a TEE */
	struct chain_count *chains[FAMILY_COUNT][TABLE_COUNT]; /* by chain->order */
	uint64_t frames, other, malformed, frame_bytes;
	struct count totals[TOTAL_COUNT], sent;
	/* of the packet under way */
	uint32_t length;
	const struct rule *opaque;
	const struct capture_frame *frame;
	enum origin origin;
	int error; /* -errno of a step */
};

struct chain_count *replay_chain(const struct replay *replay, const struct chain *chain);
struct rule_count *replay_rule(const struct replay *replay, const struct rule *rule);

/* The whole capture. An exit code, with a message on standard error. */
int replay_capture(struct replay *replay);
/* To standard output. */
void replay_print(const struct replay *replay);
int replay_print_json(const struct replay *replay);

/* `path` NULL: nothing is written, loops are looked for all the same. 0, -errno with the reason. */
int replay_tee_open(struct replay *replay, const struct capture *capture, struct buffer *reason);
/* A packet met a TEE for sure. 0 or -errno. */
int replay_tee_step(struct replay *replay, const struct step *step);
int replay_tee_commit(struct replay *replay);
void replay_tee_close(struct replay *replay);

#endif
