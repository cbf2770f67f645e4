/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m socket: the host has a socket for the packet: net/netfilter/xt_socket.c. What sockets there are is not
 * known.
 */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

enum { SOCKET_TRANSPARENT, SOCKET_NOWILDCARD, SOCKET_RESTORE, SOCKET_COUNT };

static const struct guide guides[SOCKET_COUNT] = {
    [SOCKET_TRANSPARENT] = {.name = "--transparent", .kind = GUIDE_FLAG},
    [SOCKET_NOWILDCARD] = {.name = "--nowildcard", .kind = GUIDE_FLAG},
    [SOCKET_RESTORE] = {.name = "--restore-skmark", .kind = GUIDE_FLAG},
};

static int socket_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, SOCKET_COUNT);
}

static int socket_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, SOCKET_COUNT, match->span,
			     "-m socket");
}

static void socket_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m socket");
	guided_print_all(match->data, guides, SOCKET_COUNT, rule->chain->table->family, out);
}

/* --restore-skmark changes the packet's mark. */
static unsigned socket_effects(const struct match *match)
{
	return guided_seen(match->data, SOCKET_RESTORE) ? EFFECT_UNKNOWN : 0;
}

/* It reads state as it looks up the connection of a NAT reply (nf_sk_lookup_slow_v4()). */
const struct match_type match_socket = {
    .name = "socket",
    .modelled = true,
    .changes = true, /* --restore-skmark */
    .reads_state = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, false},
    .parse = socket_parse,
    .finish = socket_finish,
    .print = socket_print,
    .evaluate = unseen_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .effects = socket_effects,
    .hooks = 1u << HOOK_PREROUTING | 1u << HOOK_INPUT,
};
