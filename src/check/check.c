/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Runs all kinds of findings, and gives what they found to the sink in the order of the input. */
#include "check/reaches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SINK_LIMIT 1000000u /* no limit of its own: check_add() has one for each kind */

const struct finding_type *finding_type_find(const char *code)
{
	for (size_t i = 0; i < finding_type_count; i++)
		if (strcmp(finding_types[i]->code, code) == 0)
			return finding_types[i];
	return NULL;
}

static const char *format_text(struct check *check, const char *format, va_list arguments)
{
	struct buffer text = {0};
	buffer_vprintf(&text, format, arguments);
	const char *copy =
	    text.failed ? NULL : arena_copy(check->arena, text.data ? text.data : "", text.size);
	buffer_fini(&text);
	if (!copy)
		check->failed = true;
	return copy;
}

const char *check_text(struct check *check, struct buffer *buffer)
{
	const char *copy =
	    buffer->failed ? NULL : arena_copy(check->arena, buffer->data ? buffer->data : "", buffer->size);
	buffer_fini(buffer);
	if (!copy)
		check->failed = true;
	return copy ? copy : "?";
}

/* A statement of a policy becomes rules of both families, of which the same may be to say. */
static bool said_of_other_family(const struct check *check, struct span span, const char *message)
{
	for (size_t i = 0; check->ruleset->translated && message && i < check->found_count; i++) {
		const struct found *found = check->found[i];
		if (found->type == check->type && found->span.source == span.source &&
		    found->span.begin == span.begin && found->span.end == span.end &&
		    strcmp(found->message, message) == 0)
			return true;
	}
	return false;
}

struct found *check_add(struct check *check, struct span span, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	const char *message = format_text(check, format, arguments);
	va_end(arguments);
	if (said_of_other_family(check, span, message))
		return NULL;
	check->result->found[check->type->severity]++;
	size_t limit = check->type->severity == SEVERITY_NOTE ? NOTES_MAX : FOUND_MAX;
	if (check->type_count++ >= limit) {
		check->result->hidden++;
		return NULL;
	}
	struct found *found = NULL;
	if (message)
		found = arena_alloc(check->arena, sizeof(*found));
	struct found **slot = NULL;
	if (found)
		slot = arena_push(check->arena, (void **)&check->found, &check->found_count,
				  &check->found_capacity, sizeof(struct found *));
	if (!slot) {
		check->failed = true;
		return NULL;
	}
	*found = (struct found){
	    .type = check->type, .severity = check->type->severity, .span = span, .message = message};
	*slot = found;
	return found;
}

void found_label(struct check *check, struct found *found, struct span span, const char *format, ...)
{
	if (!found || found->label_count == FOUND_LABELS_MAX)
		return;
	va_list arguments;
	va_start(arguments, format);
	const char *message = format_text(check, format, arguments);
	va_end(arguments);
	if (!message)
		return;
	found->labels[found->label_count].span = span;
	found->labels[found->label_count++].message = message;
}

void found_hint(struct check *check, struct found *found, const char *format, ...)
{
	if (!found)
		return;
	va_list arguments;
	va_start(arguments, format);
	found->hint = format_text(check, format, arguments);
	va_end(arguments);
}

/* --- going through the ruleset
 * -------------------------------------------------------------------------------------- */

int check_tables(struct check *check, table_visit visit)
{
	int result = 0;
	for (int family = 0; family < FAMILY_COUNT && !result; family++)
		for (int id = 0; id < TABLE_COUNT && !result; id++) {
			const struct table *table =
			    check_table(check, (enum family)family, (enum table_id)id);
			result = table ? visit(check, table) : 0;
		}
	return result;
}

int check_chains(struct check *check, chain_visit visit)
{
	int result = 0;
	for (int family = 0; family < FAMILY_COUNT && !result; family++)
		for (int id = 0; id < TABLE_COUNT && !result; id++) {
			const struct table *table =
			    check_table(check, (enum family)family, (enum table_id)id);
			for (size_t i = 0; table && i < table->chain_count && !result; i++)
				result = visit(check, table->chains[i]);
		}
	return result;
}

int check_rules(struct check *check, rule_visit visit)
{
	int result = 0;
	for (int family = 0; family < FAMILY_COUNT && !result; family++)
		for (int id = 0; id < TABLE_COUNT && !result; id++) {
			const struct table *table =
			    check_table(check, (enum family)family, (enum table_id)id);
			for (size_t i = 0; table && i < table->chain_count; i++)
				for (size_t j = 0; j < table->chains[i]->rule_count && !result; j++)
					result = visit(check, &table->chains[i]->rules[j]);
		}
	return result;
}

/* --- the sink
 * ------------------------------------------------------------------------------------------------------- */

/* What has no place of its own comes first. */
static int compare_place(struct span a, struct span b)
{
	if (!a.source || !b.source)
		return (a.source != NULL) - (b.source != NULL);
	int order = a.source == b.source ? 0 : strcmp(a.source->name, b.source->name);
	if (order)
		return order;
	return (a.begin > b.begin) - (a.begin < b.begin);
}

static size_t registered(const struct finding_type *type)
{
	size_t i = 0;
	while (i < finding_type_count && finding_types[i] != type)
		i++;
	return i;
}

static int compare_found(const void *a, const void *b)
{
	const struct found *first = *(struct found *const *)a, *second = *(struct found *const *)b;
	int order = compare_place(first->span, second->span);
	if (order)
		return order;
	size_t one = registered(first->type), other = registered(second->type);
	if (one != other)
		return one < other ? -1 : 1;
	return strcmp(first->message, second->message);
}

static void report(const struct check *check, struct diagnostics *sink)
{
	if (check->found_count)
		qsort(check->found, check->found_count, sizeof(struct found *), compare_found);
	for (size_t i = 0; i < check->found_count; i++) {
		const struct found *found = check->found[i];
		struct diagnostic *diagnostic = diagnostic_add(sink, found->severity, found->type->code,
							       found->span, "%s", found->message);
		for (size_t j = 0; j < found->label_count; j++)
			diagnostic_label(diagnostic, found->labels[j].span, "%s", found->labels[j].message);
		bool first = true;
		for (size_t j = 0; j < i && first; j++)
			first = check->found[j]->type != found->type;
		if (first)
			diagnostic_reason(diagnostic, found->type->why);
		diagnostic_hint(diagnostic, "%s", found->hint ? found->hint : found->type->action);
	}
}

int check_run(const struct ruleset *ruleset, const struct check_options *options, struct diagnostics *sink,
	      struct check_result *result)
{
	*result = (struct check_result){0};
	struct check check = {.ruleset = ruleset, .options = options, .arena = arena_new(), .result = result};
	int error = check.arena ? 0 : -ENOMEM;
	for (size_t i = 0; i < finding_type_count && !error; i++) {
		check.type = finding_types[i];
		check.type_count = 0;
		error = check.type->run(&check);
	}
	if (!error && check.failed)
		error = -ENOMEM;
	if (!error) {
		diagnostics_keep_at_most(sink, SINK_LIMIT);
		report(&check, sink);
	}
	reaches_free(&check);
	for (int i = 0; i < 2; i++)
		engine_free(check.engines[i]);
	if (check.arena)
		arena_free(check.arena);
	return error;
}
