/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ULOG: as NFLOG, in kernels before 3.17 (net/ipv4/netfilter/ipt_ULOG.c); goes on. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>
#include <string.h>

#define PREFIX_MAX 31 /* ULOG_PREFIX_LEN with the NUL; iptables cuts off what is longer */
#define GROUP_DEFAULT 1
#define THRESHOLD_DEFAULT 1

/* In the order in which iptables-save prints them. */
enum { ULOG_PREFIX, ULOG_GROUP, ULOG_RANGE, ULOG_THRESHOLD, ULOG_COUNT };

static const struct guide guides[ULOG_COUNT] = {
    {.name = "--ulog-prefix",
     .kind = GUIDE_STRING,
     .min = 1,
     .max = UINT32_MAX,
     .hint = "a text of one line, not empty"},
    {.name = "--ulog-nlgroup", .kind = GUIDE_NUMBER, .min = 1, .max = 32},
    {.name = "--ulog-cprange", .kind = GUIDE_NUMBER, .max = UINT64_MAX},
    {.name = "--ulog-qthreshold", .kind = GUIDE_NUMBER, .min = 1, .max = 50},
};

static int ulog_parse(struct rule_parser *parser, struct target *target)
{
	unsigned before = guided_taken(target->data);
	int result = guided_parse(parser, &target->data, sizeof(struct guided), guides, ULOG_COUNT);
	const struct guided *ulog = target->data;

	if (result != 1 || ulog->seen != (before | 1u << ULOG_PREFIX))
		return result;
	struct text prefix = ulog->values[ULOG_PREFIX].text;
	if (memchr(prefix.data, '\n', prefix.size))
		return guided_refuse(parser, parser->argument, guides[ULOG_PREFIX].hint);
	return 1;
}

static int ulog_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct guided), guides, ULOG_COUNT,
				  target->span, "ULOG");
	struct guided *ulog = target->data;

	if (!error && ulog->values[ULOG_PREFIX].text.size > PREFIX_MAX)
		ulog->values[ULOG_PREFIX].text.size = PREFIX_MAX;
	return error;
}

static void ulog_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct guided *ulog = target->data;
	enum family family = rule->chain->table->family;

	guided_print(ulog, guides, ULOG_PREFIX, family, out);
	if (ulog->values[ULOG_GROUP].number != GROUP_DEFAULT)
		guided_print(ulog, guides, ULOG_GROUP, family, out);
	if (ulog->values[ULOG_RANGE].number)
		guided_print(ulog, guides, ULOG_RANGE, family, out);
	if (ulog->values[ULOG_THRESHOLD].number != THRESHOLD_DEFAULT)
		guided_print(ulog, guides, ULOG_THRESHOLD, family, out);
}

const struct target_type target_ulog = {
    .name = "ULOG",
    .modelled = true,
    .kind = TARGET_CONTINUE,
    .effects = EFFECT_LOG,
    .parse = ulog_parse,
    .finish = ulog_finish,
    .print = ulog_print,
};
