/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * NOTRACK and CT, of the raw table: net/netfilter/xt_CT.c. CT --notrack is NOTRACK, whatever else it says
 * (xt_ct_tg_check() looks no further). Without it the packet gets a template, by which conntrack chooses
 * zone, helper, timeouts and events; it goes on, and a NOTRACK behind it does nothing, as the first of them
 * wins (xt_ct_target()). To layers that do not ask for the template (target_ct_template()) such a target is
 * one that may do anything to the packet. */
#include "extension/extension.h"
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>

#define HELPER_MAX 15  /* struct xt_ct_target_info_v1 has 16 bytes; iptables cuts off what is longer */
#define TIMEOUT_MAX 31 /* 32 bytes */

/* In the order in which iptables-save prints them. */
enum {
	CT_NOTRACK,
	CT_HELPER,
	CT_TIMEOUT,
	CT_EVENTS,
	CT_EXPECTED_EVENTS,
	CT_ZONE,
	CT_ZONE_ORIGINAL,
	CT_ZONE_REPLY,
	CT_COUNT,
};

static const struct guide guides[CT_COUNT] = {
    {.name = "--notrack", .kind = GUIDE_FLAG},
    {.name = "--helper", .kind = GUIDE_STRING, .max = UINT32_MAX},
    {.name = "--timeout", .kind = GUIDE_STRING, .max = UINT32_MAX},
    {.name = "--ctevents", .kind = GUIDE_STRING, .max = UINT32_MAX},
    {.name = "--expevents", .kind = GUIDE_STRING, .max = UINT32_MAX},
    {.name = "--zone", .kind = GUIDE_STRING, .max = UINT32_MAX},
    {.name = "--zone-orig", .kind = GUIDE_STRING, .max = UINT32_MAX},
    {.name = "--zone-reply", .kind = GUIDE_STRING, .max = UINT32_MAX},
};

/* In the order in which iptables-save prints them. */
static const struct event {
	const char *name;
	unsigned bit; /* of enum ip_conntrack_events */
} events[] = {
    {"new", IPCT_NEW},         {"related", IPCT_RELATED}, {"destroy", IPCT_DESTROY},
    {"reply", IPCT_REPLY},     {"assured", IPCT_ASSURED}, {"protoinfo", IPCT_PROTOINFO},
    {"helper", IPCT_HELPER},   {"mark", IPCT_MARK},       {"natseqinfo", IPCT_NATSEQADJ},
    {"secmark", IPCT_SECMARK},
};
#define EVENT_COUNT (sizeof(events) / sizeof(*events))
static const struct event expected_events[] = {{"new", IPEXP_NEW}};

struct ct_target {
	struct guided guided;
	struct ct_template template; /* the last zone option counts, whichever it is */
	unsigned events, expected_events;
};

static int parse_zone(struct rule_parser *parser, struct ct_target *ct, unsigned index)
{
	struct ct_template *template = &ct->template;
	uint64_t zone = 0;

	if (text_same(ct->guided.values[index].text, "mark"))
		template->zone_by_mark = true;
	else if (guided_number(ct->guided.values[index].text, UINT16_MAX, &zone))
		return guided_refuse(parser, parser->argument, "a zone from 0 to 65535, or \"mark\"");
	template->zone = (uint16_t)zone;
	template->original |= index == CT_ZONE_ORIGINAL;
	template->reply |= index == CT_ZONE_REPLY;
	return 0;
}

static int parse_events(struct rule_parser *parser, struct text text, const struct event *known, size_t count,
			unsigned *mask)
{
	struct comma_list list = {.rest = text};
	struct text part;

	*mask = 0;
	while (comma_next(&list, &part)) {
		size_t i = 0;
		while (i < count && !text_is(part, known[i].name))
			i++;
		if (i == count)
			return guided_refuse(parser, parser->argument,
					     known == events
						 ? "a list of new, related, destroy, reply, "
						   "assured, protoinfo, helper, mark, natseqinfo, "
						   "secmark"
						 : "new");
		*mask |= 1u << known[i].bit;
	}
	return 0;
}

static int ct_parse(struct rule_parser *parser, struct target *target)
{
	unsigned before = guided_taken(target->data);
	int result = guided_parse(parser, &target->data, sizeof(struct ct_target), guides, CT_COUNT);
	struct ct_target *ct = target->data;
	int error = 0;

	if (result != 1)
		return result;
	unsigned taken = ct->guided.seen & ~before;
	for (unsigned i = CT_ZONE; i <= CT_ZONE_REPLY; i++)
		if (taken >> i & 1)
			error = parse_zone(parser, ct, i);
	if (taken >> CT_EVENTS & 1)
		error =
		    parse_events(parser, ct->guided.values[CT_EVENTS].text, events, EVENT_COUNT, &ct->events);
	if (taken >> CT_EXPECTED_EVENTS & 1)
		error = parse_events(parser, ct->guided.values[CT_EXPECTED_EVENTS].text, expected_events, 1,
				     &ct->expected_events);
	return error ? error : 1;
}

/* xt_ct_find_proto(): helpers and timeouts are of one protocol, which the rule must name. */
static int require_protocol(struct rule_parser *parser, const struct target *target, const char *option)
{
	if (parser->rule->protocol && !parser->rule->protocol_inverted)
		return 0;
	diagnostic_hint(option_error(parser, target->span, "protocol-required",
				     "CT %s needs a protocol in the same rule", option),
			parser->rule->protocol ? "the kernel refuses it with ! -p"
					       : "write -p tcp, or another, before it");
	return -EINVAL;
}

static int ct_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct ct_target), guides, CT_COUNT,
				  target->span, "CT");
	struct ct_target *ct = target->data;

	if (error)
		return error;
	ct->template.helper = ct->guided.values[CT_HELPER].text;
	ct->template.timeout = ct->guided.values[CT_TIMEOUT].text;
	if (ct->template.helper.size > HELPER_MAX)
		ct->template.helper.size = HELPER_MAX;
	if (ct->template.timeout.size > TIMEOUT_MAX)
		ct->template.timeout.size = TIMEOUT_MAX;
	if (guided_seen(&ct->guided, CT_NOTRACK))
		return 0;
	if (ct->template.helper.size)
		error = require_protocol(parser, target, "--helper");
	if (!error && ct->template.timeout.size)
		error = require_protocol(parser, target, "--timeout");
	target->type = &target_ct_with_template;
	return error;
}

static void print_text(const char *option, struct text text, struct buffer *out)
{
	if (text.size) /* as it is: iptables-save does not quote it */
		buffer_printf(out, " %s %.*s", option, (int)text.size, text.data);
}

static void print_events(const char *option, const struct event *known, size_t count, unsigned mask,
			 struct buffer *out)
{
	const char *separator = "";

	if (!mask)
		return;
	buffer_printf(out, " %s ", option);
	for (size_t i = 0; i < count; i++)
		if (mask >> known[i].bit & 1) {
			buffer_printf(out, "%s%s", separator, known[i].name);
			separator = ",";
		}
}

static void print_zone(const struct ct_template *template, struct buffer *out)
{
	if (!template->zone_by_mark && !template->zone)
		return;
	buffer_printf(out, " --zone%s",
		      template->original == template->reply ? ""
		      : template->original                  ? "-orig"
							    : "-reply");
	if (template->zone_by_mark)
		buffer_puts(out, " mark");
	else
		buffer_printf(out, " %u", template->zone);
}

static void ct_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct ct_target *ct = target->data;
	(void)rule;

	if (guided_seen(&ct->guided, CT_NOTRACK))
		buffer_puts(out, " --notrack");
	print_text("--helper", ct->template.helper, out);
	print_text("--timeout", ct->template.timeout, out);
	print_events("--ctevents", events, EVENT_COUNT, ct->events, out);
	print_events("--expevents", expected_events, 1, ct->expected_events, out);
	print_zone(&ct->template, out);
}

bool target_ct_template(const struct target *target, struct ct_template *template)
{
	const struct ct_target *ct = target->data;

	if (target->type != &target_ct_with_template)
		return false;
	*template = ct->template;
	return true;
}

const struct target_type target_ct = {
    .name = "CT",
    .modelled = true,
    .kind = TARGET_NOTRACK,
    .parse = ct_parse,
    .finish = ct_finish,
    .print = ct_print,
    .tables = 1 << TABLE_RAW,
};

/* What ct_finish() makes of target_ct without --notrack. */
const struct target_type target_ct_with_template = {
    .name = "CT",
    .modelled = true,
    .kind = TARGET_REWRITE,
    .print = ct_print,
    .tables = 1 << TABLE_RAW,
};

const struct target_type target_notrack = {
    .name = "NOTRACK",
    .modelled = true,
    .kind = TARGET_NOTRACK,
    .tables = 1 << TABLE_RAW,
};
