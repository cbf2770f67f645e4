/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * CONNMARK: connmark_tg_shift() in net/netfilter/xt_connmark.c. It changes the connection's mark (--set-xmark
 * and its kind, --save-mark), which later packets of the connection may be judged by, or the packet's
 * (--restore-mark). Packets without a connection are left alone. */
#include "extension/guided.h"
#include "extension/mark.h"
#include "extension/types.h"

#include <errno.h>

enum connmark_mode { MODE_NONE, MODE_SET, MODE_SAVE, MODE_RESTORE };

struct connmark_target {
	struct guided guided;
	enum connmark_mode mode;
	uint32_t mark, connection_mask, packet_mask;
	uint8_t shift; /* below 32 */
	bool shift_right;
};

enum {
	SAVE = MARK_COUNT,
	RESTORE,
	SHIFT_LEFT,
	SHIFT_RIGHT,
	CONNECTION_MASK,
	PACKET_MASK,
	BOTH_MASKS,
};

#define MODES (MARK_OPTIONS | 1u << SAVE | 1u << RESTORE)

/* iptables takes a shift by 32, which the kernel refuses: connmark_tg_check_v2(). */
static const struct guide guides[] = {
    MARK_GUIDE(MARK_SET_XMARK, "--set-xmark", GUIDE_MASKED, MODES),
    MARK_GUIDE(MARK_SET_MARK, "--set-mark", GUIDE_MASKED, MODES),
    MARK_GUIDE(MARK_AND, "--and-mark", GUIDE_NUMBER, MODES),
    MARK_GUIDE(MARK_OR, "--or-mark", GUIDE_NUMBER, MODES),
    MARK_GUIDE(MARK_XOR, "--xor-mark", GUIDE_NUMBER, MODES),
    MARK_GUIDE(SAVE, "--save-mark", GUIDE_FLAG, MODES),
    MARK_GUIDE(RESTORE, "--restore-mark", GUIDE_FLAG, MODES),
    [SHIFT_LEFT] = {.name = "--left-shift-mark", .kind = GUIDE_NUMBER, .max = 31},
    [SHIFT_RIGHT] = {.name = "--right-shift-mark", .kind = GUIDE_NUMBER, .max = 31},
    MARK_GUIDE(CONNECTION_MASK, "--ctmask", GUIDE_NUMBER, 1u << BOTH_MASKS),
    MARK_GUIDE(PACKET_MASK, "--nfmask", GUIDE_NUMBER, 1u << BOTH_MASKS),
    MARK_GUIDE(BOTH_MASKS, "--mask", GUIDE_NUMBER, 1u << CONNECTION_MASK | 1u << PACKET_MASK),
};
#define COUNT (sizeof(guides) / sizeof(*guides))

static void take_option(struct connmark_target *connmark, unsigned option)
{
	const struct guided_value *value = &connmark->guided.values[option];
	struct mark_change change;

	switch (option) {
	case SAVE:
		connmark->mode = MODE_SAVE;
		break;
	case RESTORE:
		connmark->mode = MODE_RESTORE;
		break;
	case SHIFT_LEFT:
	case SHIFT_RIGHT:
		connmark->shift = (uint8_t)value->number;
		connmark->shift_right = option == SHIFT_RIGHT;
		break;
	case CONNECTION_MASK:
		connmark->connection_mask = (uint32_t)value->number;
		break;
	case PACKET_MASK:
		connmark->packet_mask = (uint32_t)value->number;
		break;
	case BOTH_MASKS:
		connmark->packet_mask = connmark->connection_mask = (uint32_t)value->number;
		break;
	default:
		change = mark_change_of((enum mark_option)option, value);
		connmark->mode = MODE_SET;
		connmark->mark = change.value;
		connmark->connection_mask = change.mask;
	}
}

/* Options are taken as they come: of --set-mark 1 and --ctmask 2 the last one says what the mask is. */
static int connmark_parse(struct rule_parser *parser, struct target *target)
{
	const struct connmark_target *old = target->data;
	unsigned before = old ? old->guided.seen : 0;
	int taken = guided_parse(parser, &target->data, sizeof(struct connmark_target), guides, COUNT);

	if (taken != 1)
		return taken;
	struct connmark_target *connmark = target->data;
	if (!before)
		connmark->connection_mask = connmark->packet_mask = UINT32_MAX;
	for (unsigned i = 0; i < COUNT; i++)
		if ((connmark->guided.seen & ~before) >> i & 1)
			take_option(connmark, i);
	return 1;
}

static int connmark_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct connmark_target), guides, COUNT,
				  target->span, "CONNMARK");
	if (error)
		return error;
	const struct connmark_target *connmark = target->data;
	if (connmark->mode == MODE_NONE) {
		diagnostic_hint(
		    option_error(parser, target->span, "missing-option", "CONNMARK does not say what to do"),
		    "--set-mark, --set-xmark, --and-mark, --or-mark, --xor-mark, --save-mark or "
		    "--restore-mark");
		return -EINVAL;
	}
	if (connmark->mode == MODE_RESTORE)
		target->type = &target_connmark_restore;
	return 0;
}

static void connmark_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct connmark_target *connmark = target->data;
	(void)rule;

	if (connmark->mode == MODE_SET)
		buffer_printf(out, " --set-xmark 0x%x/0x%x", connmark->mark, connmark->connection_mask);
	else
		buffer_printf(out, " --%s-mark --nfmask 0x%x --ctmask 0x%x",
			      connmark->mode == MODE_SAVE ? "save" : "restore", connmark->packet_mask,
			      connmark->connection_mask);
	if (connmark->shift)
		buffer_printf(out, " --%s-shift-mark %u", connmark->shift_right ? "right" : "left",
			      connmark->shift);
}

static uint32_t shifted(const struct connmark_target *connmark, uint32_t mark)
{
	return connmark->shift_right ? mark >> connmark->shift : mark << connmark->shift;
}

/* Before conntrack a packet may have a template for its connection, with a mark of its own. */
static bool surely_without_connection(const struct evaluation *evaluation)
{
	return evaluation->state_known &&
	       (evaluation->state == STATE_UNTRACKED ||
		(evaluation->has_state == TRUTH_YES && evaluation->state == STATE_INVALID));
}

static void restore_apply(const struct target *target, struct packet *packet, struct evaluation *evaluation)
{
	const struct connmark_target *connmark = target->data;
	const struct connection *connection = evaluation->connection;

	if (!connection) {
		if (!surely_without_connection(evaluation))
			packet->known &= ~(uint32_t)KNOWN_MARK;
		return;
	}
	if (connmark->packet_mask == UINT32_MAX)
		packet->known |= KNOWN_MARK;
	packet->mark = (packet->mark & ~connmark->packet_mask) ^
		       shifted(connmark, connection->mark & connmark->connection_mask);
}

/* Where the new mark hangs on a packet's that is not known, it is not known, either. */
static void connmark_apply(const struct target *target, struct packet *packet, struct evaluation *evaluation)
{
	const struct connmark_target *connmark = target->data;
	struct connection *connection = evaluation->connection;

	if (!connection)
		return;
	uint32_t kept = connection->mark & ~connmark->connection_mask;
	if (connmark->mode == MODE_SET)
		connection->mark = shifted(connmark, kept ^ connmark->mark);
	else if ((packet->known & KNOWN_MARK) || !connmark->packet_mask)
		connection->mark = kept ^ shifted(connmark, packet->mark & connmark->packet_mask);
	else
		evaluation->connection = NULL;
}

const struct target_type target_connmark = {
    .name = "CONNMARK",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .effects = EFFECT_STATE,
    .parse = connmark_parse,
    .finish = connmark_finish,
    .print = connmark_print,
    .apply = connmark_apply,
    .rewrites = KNOWN_MARK,
};

/* CONNMARK --restore-mark, as connmark_finish() finds out. */
const struct target_type target_connmark_restore = {
    .name = "CONNMARK",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = connmark_parse,
    .finish = connmark_finish,
    .print = connmark_print,
    .apply = restore_apply,
    .rewrites = KNOWN_MARK,
};
