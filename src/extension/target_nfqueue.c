/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * NFQUEUE: a program that listens to the queue decides, and may change the packet; without one the packet is
 * dropped, or goes on with the next table (--queue-bypass): net/netfilter/xt_NFQUEUE.c. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>

/* In the order in which iptables-save prints them. */
enum { QUEUE_BALANCE, QUEUE_NUMBER, QUEUE_BYPASS, QUEUE_FANOUT, QUEUE_COUNT };

static const char balance_hint[] = "FIRST:LAST, with FIRST less than LAST, and not all of 0:65535";

static const struct guide guides[QUEUE_COUNT] = {
    {.name = "--queue-balance",
     .kind = GUIDE_RANGE,
     .max = UINT16_MAX,
     .excludes = 1 << QUEUE_NUMBER,
     .hint = balance_hint},
    {.name = "--queue-num", .kind = GUIDE_NUMBER, .max = UINT16_MAX, .excludes = 1 << QUEUE_BALANCE},
    {.name = "--queue-bypass", .kind = GUIDE_FLAG},
    {.name = "--queue-cpu-fanout", .kind = GUIDE_FLAG, .needs = 1 << QUEUE_BALANCE},
};

static int nfqueue_parse(struct rule_parser *parser, struct target *target)
{
	unsigned before = guided_taken(target->data);
	int result = guided_parse(parser, &target->data, sizeof(struct guided), guides, QUEUE_COUNT);
	const struct guided *queue = target->data;

	if (result != 1 || queue->seen != (before | 1u << QUEUE_BALANCE))
		return result;
	/* 65536 queues are none in the 16 bits that the kernel has for their number, and refused there
	 * (nfqueue_tg_check()). */
	const struct guided_value *balance = &queue->values[QUEUE_BALANCE];
	if (!balance->ranged || balance->number >= balance->second ||
	    balance->second - balance->number == UINT16_MAX)
		return guided_refuse(parser, parser->argument, balance_hint);
	return 1;
}

static int nfqueue_finish(struct rule_parser *parser, struct target *target)
{
	return guided_finish(parser, &target->data, sizeof(struct guided), guides, QUEUE_COUNT, target->span,
			     "NFQUEUE");
}

static void nfqueue_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct guided *queue = target->data;

	if (!guided_seen(queue, QUEUE_BALANCE) && !guided_seen(queue, QUEUE_NUMBER))
		buffer_puts(out, " --queue-num 0");
	guided_print_all(queue, guides, QUEUE_COUNT, rule->chain->table->family, out);
}

const struct target_type target_nfqueue = {
    .name = "NFQUEUE",
    .modelled = true,
    .kind = TARGET_QUEUE,
    .parse = nfqueue_parse,
    .finish = nfqueue_finish,
    .print = nfqueue_print,
};
