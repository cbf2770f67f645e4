/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * LED: lights a lamp for a while; goes on: net/netfilter/xt_LED.c. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>
#include <strings.h>

/* In the order in which iptables-save prints them. */
enum { LED_TRIGGER, LED_DELAY, LED_BLINK, LED_COUNT };

/* "inf", and -1, which iptables-save makes of it, is for ever. */
static int parse_delay(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	if ((word->text.size >= 3 && strncasecmp(word->text.data, "inf", 3) == 0) ||
	    text_is(word->text, "-1"))
		value->number = UINT32_MAX;
	else if (guided_number(word->text, UINT32_MAX, &value->number))
		return guided_refuse(parser, word, "milliseconds, or inf");
	return 0;
}

static const struct guide guides[LED_COUNT] = {
    {.name = "--led-trigger-id", .kind = GUIDE_STRING, .flags = GUIDE_MANDATORY, .max = 16},
    {.name = "--led-delay", .kind = GUIDE_OWN, .parse = parse_delay},
    {.name = "--led-always-blink", .kind = GUIDE_FLAG},
};

static int led_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct guided), guides, LED_COUNT);
}

static int led_finish(struct rule_parser *parser, struct target *target)
{
	return guided_finish(parser, &target->data, sizeof(struct guided), guides, LED_COUNT, target->span,
			     "LED");
}

static void led_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct guided *led = target->data;
	struct text trigger = led->values[LED_TRIGGER].text;

	buffer_puts(out, " --led-trigger-id \"");
	for (size_t i = 0; i < trigger.size; i++) {
		if (trigger.data[i] == '"' || trigger.data[i] == '\\')
			buffer_puts(out, "\\");
		buffer_add(out, trigger.data + i, 1);
	}
	buffer_puts(out, "\"");
	if (led->values[LED_DELAY].number)
		buffer_printf(out, " --led-delay %d", (int)(uint32_t)led->values[LED_DELAY].number);
	guided_print(led, guides, LED_BLINK, rule->chain->table->family, out);
}

const struct target_type target_led = {
    .name = "LED",
    .modelled = true,
    .kind = TARGET_CONTINUE,
    .effects = EFFECT_LOG,
    .parse = led_parse,
    .finish = led_finish,
    .print = led_print,
};
