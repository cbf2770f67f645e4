/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A rule as iptables-save prints it: iptables 1.8, iptables/iptables.c, print_rule4(). */
#include "ruleset/protocol.h"
#include "ruleset/rule_parser.h"

static void print_address(enum family family, char letter, const struct address_match *match,
			  struct buffer *out)
{
	if (match->mask == 0 && !match->inverted)
		return;
	buffer_printf(out, "%s -%c ", match->inverted ? " !" : "", letter);
	address_print(family, match->value, out);
	int length = mask_length(family, match->mask);
	buffer_puts(out, "/");
	if (length >= 0)
		buffer_printf(out, "%d", length);
	else
		address_print(family, match->mask, out);
}

/* iptables-save prints nothing for "! -i +", which matches no packet; here it is printed, as leaving it out
 * would show a rule that matches all. */
static void print_interface(char letter, const struct interface_match *match, struct buffer *out)
{
	if (match->name[0] || match->inverted)
		buffer_printf(out, "%s -%c %s%s", match->inverted ? " !" : "", letter, match->name,
			      match->wildcard ? "+" : "");
}

static void print_protocol(const struct rule *rule, struct buffer *out)
{
	if (!rule->protocol)
		return;
	const char *name = protocol_name(rule->protocol);
	buffer_puts(out, rule->protocol_inverted ? " ! -p " : " -p ");
	if (name)
		buffer_puts(out, name);
	else
		buffer_printf(out, "%u", rule->protocol);
}

static void print_target(const struct rule *rule, struct buffer *out)
{
	const struct target *target = &rule->target;
	if (target->chain) {
		buffer_puts(out, target->is_goto ? " -g " : " -j ");
		buffer_add(out, target->chain->name.data, target->chain->name.size);
	} else if (!target->type->modelled) { /* target_opaque; not named, as it belongs to the layer above */
		const struct opaque_data *opaque = target->data;
		buffer_puts(out, " ");
		buffer_add(out, opaque->text.data, opaque->text.size);
	} else if (target->type->name && target->type->name[0]) { /* not target_none */
		buffer_printf(out, " -j %s", target->type->name);
		if (target->type->print)
			target->type->print(target, rule, out);
	}
}

void rule_print(const struct rule *rule, bool bare, struct buffer *out)
{
	struct buffer text = {0};
	enum family family = rule->chain->table->family;
	print_address(family, 's', &rule->source, &text);
	print_address(family, 'd', &rule->destination, &text);
	print_interface('i', &rule->in, &text);
	print_interface('o', &rule->out, &text);
	print_protocol(rule, &text);
	if (rule->fragment != FRAGMENT_ANY)
		buffer_puts(&text, rule->fragment == FRAGMENT_LATER ? " -f" : " ! -f");
	for (uint32_t i = 0; i < rule->match_count; i++) {
		buffer_puts(&text, " ");
		rule->matches[i].type->print(&rule->matches[i], rule, &text);
	}
	print_target(rule, &text);
	if (!bare) {
		buffer_puts(out, "-A ");
		buffer_add(out, rule->chain->name.data, rule->chain->name.size);
		if (text.size)
			buffer_add(out, text.data, text.size);
	} else if (text.size) {
		buffer_add(out, text.data + 1, text.size - 1);
	}
	out->failed |= text.failed;
	buffer_fini(&text);
}
