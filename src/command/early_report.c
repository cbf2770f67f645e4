/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What became of early drop at each device, to be told. */
#include "command/early_private.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

const char *const early_verbs[EARLY_VERBS] = {
    [EARLY_KEPT] = "kept",
    [EARLY_ATTACHED] = "attached",
    [EARLY_SWAPPED] = "swapped",
    [EARLY_DETACHED] = "detached",
    [EARLY_NOT_ATTACHED] = "not attached",
    [EARLY_WOULD_ATTACH] = "would attach",
    [EARLY_WOULD_KEEP] = "would keep",
    [EARLY_FAILED] = "failed",
};

void early_report_fini(struct early_report *report)
{
	if (report->arena)
		arena_free(report->arena);
	*report = (struct early_report){0};
}

struct early_result *early_find(struct early_report *report, const char *device)
{
	for (size_t i = 0; i < report->count; i++)
		if (strcmp(report->list[i].device, device) == 0)
			return &report->list[i];
	return NULL;
}

void early_tell(struct early_report *report, const char *device, enum early_verb verb, const char *words)
{
	struct early_result *result;

	if (!report->arena)
		report->arena = arena_new();
	if (!report->arena)
		return; /* it is said to a person: nothing hangs on it */
	result = early_find(report, device);
	if (!result)
		result = arena_push(report->arena, (void **)&report->list, &report->count, &report->capacity,
				    sizeof(*result));
	if (!result)
		return;
	result->device = arena_printf(report->arena, "%s", device);
	result->words = arena_printf(report->arena, "%s", words ? words : "");
	result->verb = verb;
	if (!result->device || !result->words)
		report->count--;
}

void early_tell_first(struct early_report *report, const char *device, enum early_verb verb,
		      const struct buffer *why)
{
	char line[512];
	const char *text = why->data ? why->data : "";
	size_t skip = strlen(device);

	if (strncmp(text, device, skip) == 0 && strncmp(text + skip, ": ", 2) == 0)
		text += skip + 2;
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
	early_tell(report, device, verb, line);
}

void early_report_print(const struct early_report *report, struct buffer *out)
{
	static const char *const words[EARLY_VERBS] = {
	    [EARLY_KEPT] = "early drop stays as it is",
	    [EARLY_ATTACHED] = "early drop attached",
	    [EARLY_SWAPPED] = "early drop attached anew",
	    [EARLY_DETACHED] = "early drop taken away",
	    [EARLY_NOT_ATTACHED] = "no early drop",
	    [EARLY_WOULD_ATTACH] = "early drop would be attached",
	    [EARLY_WOULD_KEEP] = "early drop would stay as it is",
	    [EARLY_FAILED] = "early drop could not be changed",
	};

	for (size_t i = 0; i < report->count; i++) {
		const struct early_result *result = &report->list[i];
		buffer_printf(out, "%s: %s%s%s\n", result->device, words[result->verb],
			      *result->words ? ": " : "", result->words);
	}
}

struct json_object *early_report_json(const struct early_report *report)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < report->count; i++) {
		struct json_object *object = json_object_new_object();
		json_object_object_add(object, "interface", json_object_new_string(report->list[i].device));
		json_object_object_add(object, "early",
				       json_object_new_string(early_verbs[report->list[i].verb]));
		json_object_object_add(object, "words", json_object_new_string(report->list[i].words));
		json_object_array_add(array, object);
	}
	return array;
}
