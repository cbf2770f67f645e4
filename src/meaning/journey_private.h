/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files journey*.c share and nobody else sees. */
#ifndef WEIR_MEANING_JOURNEY_PRIVATE_H
#define WEIR_MEANING_JOURNEY_PRIVATE_H

#include "meaning/behaviour_private.h"
#include "meaning/journey.h"

#define STAGES_MAX 8

/* One built-in chain on the way. */
struct stage {
	enum table_id table;
	enum hook hook;
};

struct way {
	size_t count;
	size_t split; /* stages before it see the packet as it came, raw is the first */
	struct stage stages[STAGES_MAX];
};
extern const struct way journey_ways[JOURNEY_COUNT];

/* Both sides over a part of the way: ends, END_ACCEPT where the packet travels on. `lock` where what came
 * before was the same on both sides, `solo` where the other side's packet does not come there, `apart` where
 * it does, changed otherwise; `detour` where routing may have sent the two elsewhere. They are the same but
 * behind what makes another packet of it (NAT) and, the latter two, behind routing: see split() in
 * journey_path.c. */
struct part {
	diagram_node lock[SIDES_MAX], solo[SIDES_MAX], apart[SIDES_MAX], detour[SIDES_MAX];
};

struct walk {
	struct behaviour *behaviour;
	enum journey journey;
	bool with_connection; /* it comes with one: over lo, or as an answer of REJECT */
	bool effects;
	unsigned wanted;       /* events that are looked at in the end */
	bool nat_same;         /* the chains of nat are the same on both sides */
	bool bound_same;       /* so are the bindings of known connections */
	bool connmark_apart;   /* marks of connections are not the same */
	diagram_node touched;  /* packets that are asked about */
	diagram_node behind;   /* the same of what NAT or reassembly may have made of them */
	uint32_t unknown;      /* the end of which nothing is known */
	uint32_t seen;         /* the event: conntrack saw it */
	bool *hanging;         /* variables on which something hung that is not in the fates any more */
	diagram_node template; /* where the sides tell conntrack different things about the packet */
	/* What the chains do, asked once for packets with a connection and without. */
	bool has_stage[STAGES_MAX];
	diagram_node stages[STAGES_MAX][SIDES_MAX];
};

/* What becomes of the packets at the end of the way. */
struct fates {
	diagram_node full[SIDES_MAX];  /* with the places where they end */
	diagram_node final[SIDES_MAX]; /* what is compared */
	diagram_node domain;
	diagram_node differs; /* for sure, whatever unknowns that hang together say; of touched packets */
	diagram_node shown;   /* the same of packets that there are not, too */
	diagram_node unknown; /* it is not known */
};

/* Of the later fragments of first ones. */
struct later {
	diagram_node ends[SIDES_MAX];
	diagram_node unlike;             /* dropped on one side alone */
	diagram_node unknown[SIDES_MAX]; /* whether they are */
	diagram_node doubtful;           /* it matters, or they are asked otherwise */
};

/* journey_path.c: 0 or -ENOMEM; nodes may be undecided. */
int walk_fates(struct walk *walk, struct fates *fates);
diagram_node walk_asked(const struct walk *walk, size_t number);
/* Packets of which some stage may do something else; and what they may be behind NAT. */
void walk_touch(struct walk *walk, struct delta *delta, const struct difference_chain *chains, size_t count);

/* journey_fragments.c: IPv4 packets that are delivered are put together before INPUT. */
bool walk_assembles(const struct walk *walk);
/* f of later fragments of the same packet. */
diagram_node walk_later_fragment(struct walk *walk, diagram_node f);
/* What becomes of later fragments before they are put together, `front` being that of all packets. */
void walk_look_later(struct walk *walk, const struct part *front, struct later *later);
/* Makes of the fates of first fragments those of the whole packet. */
void walk_assemble(struct walk *walk, const struct part *front, struct fates *fates, struct later *later);
/* Later ones in words: as the first. */
diagram_node walk_as_first(struct walk *walk, diagram_node f);
bool *walk_variables(const struct walk *walk, const enum field *list, size_t count, bool opaque);
extern const enum field walk_transport[];
#define WALK_TRANSPORT 5

/* journey_ends.c: what the ends of stages and ways are. */
diagram_node walk_stage_ends(struct walk *walk, diagram_node f, size_t stage);
diagram_node walk_final(struct walk *walk, diagram_node f);
/* Where both travel on in the same way; where both do, and not in the same way. */
diagram_node walk_alike(struct walk *walk, diagram_node f, diagram_node g);
diagram_node walk_apart(struct walk *walk, diagram_node f, diagram_node g);
/* Where both travel on, changed in what routing goes by on one side alone, or otherwise; where f travels on,
 * changed in that at all. */
diagram_node walk_detours(struct walk *walk, diagram_node f, diagram_node g);
diagram_node walk_routed(struct walk *walk, diagram_node f);
/* Where they differ, or it is not known of one. */
diagram_node walk_unequal(struct walk *walk, diagram_node f, diagram_node g);
/* Of finals: where they differ for sure; where that is not known. */
diagram_node walk_differs(struct walk *walk, diagram_node f, diagram_node g);
diagram_node walk_unknown(struct walk *walk, diagram_node f, diagram_node g);
/* Travelling packets: behind NOTRACK; those of which the sides tell conntrack different things. */
diagram_node walk_untracked(struct walk *walk, diagram_node f);
diagram_node walk_templates(struct walk *walk, diagram_node f, diagram_node g);
diagram_node walk_forget_tracking(struct walk *walk, diagram_node f);
/* f, and where packets travel on, g. later_same: both sides do the same from here on. */
diagram_node walk_on(struct walk *walk, diagram_node f, diagram_node g, bool later_same);
/* What travels on is dropped; where it is dropped. */
diagram_node walk_drop(struct walk *walk, diagram_node f);
diagram_node walk_dropped(struct walk *walk, diagram_node f);
/* Whether, with these variables free, f is one end; that, else the unknown end. */
diagram_node walk_collapse(struct walk *walk, diagram_node f, const bool *variables);
/* Packets that both sides drop, in different places. */
int walk_moves(struct walk *walk, const struct fates *fates, struct arena *arena,
	       struct difference_journey *journey);

/* journey_unknowns.c: variables in place of others. `slot`: what for; the same one gives the same variables.
 */
/* What is asked again behind f may be answered otherwise there. */
void walk_separate(struct walk *walk, size_t slot, const struct part *f, struct part *g);
/* g with unknowns of its own for what may be answered otherwise than on the other side. */
diagram_node walk_own(struct walk *walk, size_t slot, diagram_node g);
/* A variable for that text: a boolean. */
diagram_node walk_perhaps(struct walk *walk, size_t slot, const char *name);
/* f, whatever those unknowns say that ask the same in different places. */
diagram_node walk_unrelated(struct walk *walk, diagram_node f);

#endif
