/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TCPOPTSTRIP: overwrites TCP options with no-operations: net/netfilter/xt_TCPOPTSTRIP.c. */
#include "extension/guided.h"
#include "extension/tcp_header.h"
#include "extension/types.h"

#include <errno.h>

struct tcpoptstrip_target {
	struct guided guided;
};

/* A bit for each kind of option: what value->own points to. */
struct kinds {
	uint32_t bits[8];
};

static bool has_kind(const struct kinds *kinds, unsigned kind)
{
	return kinds->bits[kind / 32] >> kind % 32 & 1;
}

static int parse_kinds(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const struct {
		const char *name;
		uint8_t kind;
	} names[] = {{"wscale", 3}, {"mss", TCP_OPTION_MSS}, {"sack-permitted", 4},
		     {"sack", 5},   {"timestamp", 8},        {"md5", 19}};
	struct kinds *kinds = arena_alloc(parser->ruleset->arena, sizeof(*kinds));
	struct comma_list list = {.rest = word->text};
	struct text part;

	value->own = kinds;
	if (!kinds)
		return -ENOMEM;
	while (comma_next(&list, &part)) {
		uint64_t kind = 0;
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (text_is(part, names[i].name))
				kind = names[i].kind;
		if ((!kind && guided_number(part, UINT8_MAX, &kind)) || kind < 2)
			return guided_refuse(parser, word,
					     "a list of numbers from 2 to 255, wscale, mss, sack-permitted, "
					     "sack, timestamp and md5, with commas");
		if (has_kind(kinds, (unsigned)kind))
			return guided_refuse(parser, word, "each option once");
		kinds->bits[kind / 32] |= 1u << kind % 32;
	}
	return 0;
}

static const struct guide guides[] = {
    {.name = "--strip-options", .kind = GUIDE_OWN, .parse = parse_kinds},
};

static int tcpoptstrip_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct tcpoptstrip_target), guides, 1);
}

static int tcpoptstrip_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct tcpoptstrip_target), guides, 1,
				  target->span, "TCPOPTSTRIP");

	return error ? error
		     : option_require_protocol(parser, target->span, "TCPOPTSTRIP", IPPROTO_TCP, "tcp");
}

/* NULL: none. */
static const struct kinds *kinds_of(const struct target *target)
{
	return ((const struct tcpoptstrip_target *)target->data)->guided.values[0].own;
}

static void tcpoptstrip_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct kinds *kinds = kinds_of(target);
	const char *before = " --strip-options ";
	(void)rule;

	for (unsigned kind = 0; kinds && kind < 256; kind++)
		if (has_kind(kinds, kind)) {
			buffer_printf(out, "%s%u", before, kind);
			before = ",";
		}
}

/* Whether the kernel would overwrite anything. */
static bool strips_any(const struct kinds *kinds, const uint8_t *header, uint32_t size)
{
	uint32_t step;

	for (uint32_t at = TCP_HEADER_MIN; at + 1 < size; at += step) {
		step = tcp_option_size(header, at);
		if (at + step > size)
			break;
		if (has_kind(kinds, header[at]))
			return true;
	}
	return false;
}

static void tcpoptstrip_apply(const struct target *target, struct packet *packet,
			      struct evaluation *evaluation)
{
	const struct kinds *kinds = kinds_of(target);
	const uint8_t *header = NULL;
	uint32_t size = 0, offset = 0;

	switch (tcp_header_whole(packet, &header, &size, &offset)) {
	case PART_ABSENT:
		return;
	case PART_SHORT:
		evaluation->hot_drop = true;
		return;
	case PART_UNKNOWN:
		packet_forget_bytes(packet);
		return;
	case PART_FOUND:
		break;
	}
	if (kinds && strips_any(kinds, header, size))
		packet_forget_bytes(packet);
}

const struct target_type target_tcpoptstrip = {
    .name = "TCPOPTSTRIP",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = tcpoptstrip_parse,
    .finish = tcpoptstrip_finish,
    .print = tcpoptstrip_print,
    .tables = 1 << TABLE_MANGLE,
    .apply = tcpoptstrip_apply,
    .rewrites = KNOWN_BYTES,
};
