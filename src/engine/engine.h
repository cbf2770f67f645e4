/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What happens to one packet, rule by rule: the oracle. Plain enough to be checked by eye against
 * ipt_do_table() and ip6t_do_table().
 *
 * engine_run() is for one packet of which nothing came before: the receive path, that is raw, mangle, (nat
 * only as far as it may rewrite), filter, security, over PREROUTING, INPUT and FORWARD. engine_packet() is
 * for those of a capture, one after the other: every table and hook, with conntrack and NAT. */
#ifndef WEIR_ENGINE_ENGINE_H
#define WEIR_ENGINE_ENGINE_H

#include "packet/packet.h"
#include "ruleset/extension_type.h"
#include "ruleset/ruleset.h"

enum verdict {
	VERDICT_ACCEPT = 1 << 0,
	VERDICT_DROP = 1 << 1,
	VERDICT_REJECT = 1 << 2,  /* dropped with an answer */
	VERDICT_UNKNOWN = 1 << 3, /* a target that is not modelled may have done anything */
};

enum path { PATH_INPUT, PATH_FORWARD };

/* One thing that happened on the way, in order. */
enum step_kind {
	STEP_TABLE,    /* a table's chain at a hook is entered: chain */
	STEP_RULE,     /* the rule matched, for sure or perhaps (truth) */
	STEP_POLICY,   /* a built-in chain ended in its policy */
	STEP_RETURN,   /* back in chain, at its end or by RETURN */
	STEP_HOT_DROP, /* a malformed header met in evaluating rule */
};
struct step {
	enum step_kind kind;
	const struct chain *chain;
	const struct rule *rule; /* STEP_RULE, STEP_HOT_DROP */
	enum truth truth;
	enum hook hook;
	const struct packet
	    *packet; /* as it is at this point, before the rule's target; valid during the call */
};

/* Called for each step when not NULL; a rule that does not match is not a step. */
typedef void (*engine_trace)(void *context, const struct step *step);

struct outcome {
	unsigned verdicts; /* enum verdict, every one that is possible; a single bit when it is certain */
	unsigned effects;  /* enum effect, every one that may have happened */
	const struct rule *effect_rules[EFFECT_COUNT]; /* of each effect's bit: the first rule with it */
	const struct rule *rule;                       /* that decided, when certain and by a rule */
	const struct chain *chain;                     /* that decided: of rule, or whose policy it was */
	const struct rule *unsure; /* first rule whose match is not known; NULL when all are */
	bool untracked;            /* behind NOTRACK for sure */
};

/* Runs the packet along that path. Where a match is unknown both ways are followed: what may match is
 * recorded as possible and the walk goes on. `packet->state` is used for tracked packets when KNOWN_STATE. 0,
 * or -ENOMEM. */
int engine_run(const struct ruleset *ruleset, const struct packet *packet, enum path path, engine_trace trace,
	       void *context, struct outcome *outcome);

/* One table's chain at one hook alone. Where the table stands behind conntrack, packet->state is used with
 * KNOWN_STATE, UNTRACKED included. outcome->verdicts has VERDICT_ACCEPT where the packet comes out of it. */
int engine_chain(const struct ruleset *ruleset, const struct packet *packet, enum table_id table,
		 enum hook hook, engine_trace trace, void *context, struct outcome *outcome);

/* This host's own addresses. */
struct engine_local {
	enum family family;
	address low, high; /* inclusive */
};

struct engine_options {
	/* Packets to these are delivered, others are forwarded. Without any all go along `path`. */
	const struct engine_local *locals; /* belong to the caller, and stay */
	size_t local_count;
	enum path path;
	/* Connections are followed: states are conntrack's, NAT is applied, rules of nat are walked. Else
	 * packet->state is used as in engine_run(). The capture must show all packets of each connection,
	 * both ways. */
	bool follow;
	bool empty;           /* no connection was there before the first packet */
	bool tcp_be_liberal;  /* net.netfilter.nf_conntrack_tcp_be_liberal */
	uint32_t connections; /* how many are followed at most; 0: 262144. Beyond them states are unknown. */
	struct session *session; /* may be NULL; belongs to the caller */
};

struct engine;

int engine_new(const struct ruleset *ruleset, const struct engine_options *options, struct engine **engine);
void engine_free(struct engine *engine);
static inline void engine_cleanup(struct engine **engine)
{
	engine_free(*engine);
}

/* Where it was captured: coming in, before any rule; or going out, behind all of them. */
enum origin { ORIGIN_RECEIVED, ORIGIN_LEAVING };

/* The next packet; times are packet->time, those without come at the time of the one before. A packet that
 * leaves is taken through OUTPUT and POSTROUTING when this host made it, else from PREROUTING on. 0, or
 * -ENOMEM. */
int engine_packet(struct engine *engine, const struct packet *packet, enum origin origin, engine_trace trace,
		  void *context, struct outcome *outcome);

#endif
