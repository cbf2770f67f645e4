/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * NFLOG: hands a copy of the packet to whoever listens to the netlink group, and goes on:
 * net/netfilter/xt_NFLOG.c. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>
#include <string.h>

#define PREFIX_MAX 63 /* struct xt_nflog_info has 64 bytes; iptables cuts off what is longer */

/* In the order in which iptables-save prints them. */
enum { NFLOG_PREFIX, NFLOG_GROUP, NFLOG_SIZE, NFLOG_RANGE, NFLOG_THRESHOLD, NFLOG_COUNT };

static const struct guide guides[NFLOG_COUNT] = {
    {.name = "--nflog-prefix",
     .kind = GUIDE_STRING,
     .min = 1,
     .max = UINT32_MAX,
     .hint = "a text of one line, not empty"},
    {.name = "--nflog-group", .kind = GUIDE_NUMBER, .max = UINT16_MAX},
    {.name = "--nflog-size", .kind = GUIDE_NUMBER, .max = UINT32_MAX, .excludes = 1 << NFLOG_RANGE},
    {.name = "--nflog-range", .kind = GUIDE_NUMBER, .max = UINT32_MAX, .excludes = 1 << NFLOG_SIZE},
    {.name = "--nflog-threshold", .kind = GUIDE_NUMBER, .max = UINT16_MAX},
};

static int nflog_parse(struct rule_parser *parser, struct target *target)
{
	unsigned before = guided_taken(target->data);
	int result = guided_parse(parser, &target->data, sizeof(struct guided), guides, NFLOG_COUNT);
	const struct guided *nflog = target->data;

	if (result != 1 || nflog->seen != (before | 1u << NFLOG_PREFIX))
		return result;
	struct text prefix = nflog->values[NFLOG_PREFIX].text;
	if (memchr(prefix.data, '\n', prefix.size))
		return guided_refuse(parser, parser->argument, guides[NFLOG_PREFIX].hint);
	return 1;
}

static int nflog_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct guided), guides, NFLOG_COUNT,
				  target->span, "NFLOG");
	struct guided *nflog = target->data;

	if (!error && nflog->values[NFLOG_PREFIX].text.size > PREFIX_MAX)
		nflog->values[NFLOG_PREFIX].text.size = PREFIX_MAX;
	return error;
}

static void nflog_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct guided *nflog = target->data;
	enum family family = rule->chain->table->family;

	guided_print(nflog, guides, NFLOG_PREFIX, family, out);
	if (nflog->values[NFLOG_GROUP].number)
		guided_print(nflog, guides, NFLOG_GROUP, family, out);
	guided_print(nflog, guides, NFLOG_SIZE, family, out);
	if (nflog->values[NFLOG_RANGE].number)
		guided_print(nflog, guides, NFLOG_RANGE, family, out);
	if (nflog->values[NFLOG_THRESHOLD].number)
		guided_print(nflog, guides, NFLOG_THRESHOLD, family, out);
}

const struct target_type target_nflog = {
    .name = "NFLOG",
    .modelled = true,
    .kind = TARGET_CONTINUE,
    .effects = EFFECT_LOG,
    .parse = nflog_parse,
    .finish = nflog_finish,
    .print = nflog_print,
};
