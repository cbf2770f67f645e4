/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m policy: what IPsec has done with a packet, or will do: policy_mt() in net/netfilter/xt_policy.c.
 * Policies and associations are not known. */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>
#include <netinet/in.h>

enum { POLICY_DIRECTION, POLICY_POLICY, POLICY_STRICT, POLICY_COUNT };
/* Of each element, in the order in which iptables-save prints them. */
enum {
	ELEMENT_REQID,
	ELEMENT_SPI,
	ELEMENT_PROTOCOL,
	ELEMENT_MODE,
	ELEMENT_DESTINATION,
	ELEMENT_SOURCE,
	ELEMENT_COUNT,
};

#define ELEMENTS_MAX 4 /* XT_POLICY_MAX_ELEM */

struct policy_match {
	struct guided guided;
	unsigned last;                /* index of the element being read */
	void *elements[ELEMENTS_MAX]; /* struct guided; NULL: has no option */
};

static int direction_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	(void)value;
	return text_is(word->text, "in") || text_is(word->text, "out")
		   ? 0
		   : guided_refuse(parser, word, "in or out");
}

static int policy_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	value->number = text_is(word->text, "none");
	return value->number || text_is(word->text, "ipsec") ? 0
							     : guided_refuse(parser, word, "ipsec or none");
}

static const struct guide guides[POLICY_COUNT] = {
    [POLICY_DIRECTION] = {.name = "--dir",
			  .kind = GUIDE_OWN,
			  .flags = GUIDE_MANDATORY,
			  .parse = direction_value},
    [POLICY_POLICY] = {.name = "--pol", .kind = GUIDE_OWN, .parse = policy_value},
    [POLICY_STRICT] = {.name = "--strict"},
};

static int protocol_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	uint64_t number;

	if (text_is(word->text, "esp"))
		number = IPPROTO_ESP;
	else if (text_is(word->text, "ah"))
		number = IPPROTO_AH;
	else if (text_is(word->text, "ipcomp"))
		number = IPPROTO_COMP;
	else if (guided_number(word->text, 255, &number) ||
		 (number != IPPROTO_ESP && number != IPPROTO_AH && number != IPPROTO_COMP))
		return guided_refuse(parser, word, "esp, ah or ipcomp");
	value->text = text_of(number == IPPROTO_ESP ? "esp" : number == IPPROTO_AH ? "ah" : "ipcomp");
	return 0;
}

static int mode_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	value->number = text_is(word->text, "tunnel");
	return value->number || text_is(word->text, "transport")
		   ? 0
		   : guided_refuse(parser, word, "tunnel or transport");
}

static int spi_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	return guided_number(word->text, UINT32_MAX, &value->number) == 0
		   ? 0
		   : guided_refuse(parser, word, "a number from 0 to 0xffffffff");
}

static const struct guide element_guides[ELEMENT_COUNT] = {
    [ELEMENT_REQID] = {.name = "--reqid", .kind = GUIDE_NUMBER, .flags = GUIDE_INVERTIBLE, .max = UINT32_MAX},
    [ELEMENT_SPI] = {.name = "--spi", .kind = GUIDE_OWN, .flags = GUIDE_INVERTIBLE, .parse = spi_value},
    [ELEMENT_PROTOCOL] = {.name = "--proto",
			  .kind = GUIDE_OWN,
			  .flags = GUIDE_INVERTIBLE,
			  .parse = protocol_value},
    [ELEMENT_MODE] = {.name = "--mode", .kind = GUIDE_OWN, .flags = GUIDE_INVERTIBLE, .parse = mode_value},
    [ELEMENT_DESTINATION] = {.name = "--tunnel-dst", .kind = GUIDE_ADDRESS_MASK, .flags = GUIDE_INVERTIBLE},
    [ELEMENT_SOURCE] = {.name = "--tunnel-src", .kind = GUIDE_ADDRESS_MASK, .flags = GUIDE_INVERTIBLE},
};

static int next_element(struct rule_parser *parser, struct policy_match *policy)
{
	if (parser_refuse_inversion(parser))
		return -EINVAL;
	if (policy->last + 1 == ELEMENTS_MAX) {
		diagnostic_hint(parser_error(parser, NULL, "bad-value", "too many --next"),
				"a policy has at most %d elements", ELEMENTS_MAX);
		return -EINVAL;
	}
	policy->last++;
	return 1;
}

static int policy_parse(struct rule_parser *parser, struct match *match)
{
	struct policy_match *policy = option_data(parser, &match->data, sizeof(*policy));

	if (!policy)
		return -ENOMEM;
	if (parser_option_is(parser, "--next"))
		return next_element(parser, policy);
	int taken = guided_parse(parser, &match->data, sizeof(*policy), guides, POLICY_COUNT);
	return taken ? taken
		     : guided_parse(parser, &policy->elements[policy->last], sizeof(struct guided),
				    element_guides, ELEMENT_COUNT);
}

static int refuse(struct rule_parser *parser, const struct match *match, const char *what, const char *hint)
{
	diagnostic_hint(option_error(parser, match->span, "bad-policy", "%s", what), "%s", hint);
	return -EINVAL;
}

/* A mode that was not given counts as transport. */
static bool may_be_tunnel(const struct guided *element)
{
	return (bool)element->values[ELEMENT_MODE].number != element->values[ELEMENT_MODE].inverted;
}

static bool is_none(const struct policy_match *policy)
{
	return policy->guided.values[POLICY_POLICY].number;
}

static int policy_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct policy_match), guides, POLICY_COUNT,
				  match->span, "-m policy");
	const struct policy_match *policy = match->data;

	if (error)
		return error;
	bool strict = guided_seen(&policy->guided, POLICY_STRICT);
	if (is_none(policy) && (strict || policy->last))
		return refuse(parser, match, "--pol none has no elements", "leave out --strict and --next");
	if (is_none(policy))
		return 0;
	if (policy->last && !strict)
		return refuse(parser, match, "--next needs --strict", "write --strict before the elements");
	for (unsigned i = 0; i <= policy->last; i++) {
		const struct guided *element = policy->elements[i];
		if (strict && (!element || !element->seen))
			return refuse(parser, match, "an element of the policy is empty",
				      "with --strict each has at least one of --reqid, --spi, --proto, "
				      "--mode, --tunnel-src, --tunnel-dst");
		if (element &&
		    (guided_seen(element, ELEMENT_SOURCE) || guided_seen(element, ELEMENT_DESTINATION)) &&
		    !may_be_tunnel(element))
			return refuse(parser, match, "--tunnel-src and --tunnel-dst go with --mode tunnel",
				      "write --mode tunnel");
	}
	return 0;
}

/* policy_mt_check() */
static unsigned policy_hooks(const struct match *match)
{
	const struct policy_match *policy = match->data;

	return text_is(policy->guided.values[POLICY_DIRECTION].text, "in") ? OPTION_HOOKS_IN
									   : OPTION_HOOKS_OUT;
}

static void element_print(const struct guided *element, enum family family, struct buffer *out)
{
	for (unsigned i = 0; i < ELEMENT_COUNT; i++) {
		if (i != ELEMENT_SPI)
			guided_print(element, element_guides, i, family, out);
		else if (guided_seen(element, i))
			buffer_printf(out, "%s --spi 0x%x", guided_inverted(element, i) ? " !" : "",
				      (unsigned)element->values[i].number);
	}
}

static void policy_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct policy_match *policy = match->data;
	enum family family = rule->chain->table->family;

	buffer_puts(out, "-m policy");
	guided_print(&policy->guided, guides, POLICY_DIRECTION, family, out);
	buffer_puts(out, is_none(policy) ? " --pol none" : " --pol ipsec");
	guided_print(&policy->guided, guides, POLICY_STRICT, family, out);
	for (unsigned i = 0; i <= policy->last && !is_none(policy); i++) {
		if (i)
			buffer_puts(out, " --next");
		if (policy->elements[i])
			element_print(policy->elements[i], family, out);
	}
}

const struct match_type match_policy = {
    .name = "policy",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, false},
    .parse = policy_parse,
    .finish = policy_finish,
    .print = policy_print,
    .evaluate = unseen_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .hooks_of = policy_hooks,
};
