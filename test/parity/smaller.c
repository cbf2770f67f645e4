/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "smaller.h"

#include "shrink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES 1024
#define ATTEMPTS 500
#define LINK_ETHERNET 1

struct smaller {
	const struct trial *whole;
	bool nft;
	struct text lines[LINES];
	size_t line_count;
	bool fixed[LINES]; /* not a rule, or the sentinel's */
	bool keep_lines[LINES], keep_frames[TRIAL_FRAMES];
	struct buffer why; /* of the last one that disagrees */
};

static void split(struct smaller *smaller)
{
	const struct buffer *text = &smaller->whole->text.tables;

	for (size_t at = 0; at < text->size && smaller->line_count < LINES;) {
		const char *end = memchr(text->data + at, '\n', text->size - at);
		size_t size = end ? (size_t)(end - text->data) - at + 1 : text->size - at;
		size_t i = smaller->line_count++;

		smaller->lines[i] = (struct text){text->data + at, size};
		smaller->fixed[i] = size < 2 || text->data[at] != '-' ||
				    memmem(text->data + at, size, SENTINEL_IPV4, strlen(SENTINEL_IPV4)) ||
				    memmem(text->data + at, size, SENTINEL_IPV6, strlen(SENTINEL_IPV6)) ||
				    memmem(text->data + at, size, NOISE, strlen(NOISE));
		smaller->keep_lines[i] = true;
		at += size;
	}
}

static struct trial *make(const struct smaller *smaller, const bool *lines, const bool *frames)
{
	const struct trial *whole = smaller->whole;
	struct trial *part = calloc(1, sizeof(*part));

	if (!part)
		return NULL;
	part->seed = whole->seed;
	part->family = whole->family;
	part->rules = whole->rules;
	part->nft = whole->nft;
	part->in_front = whole->in_front;
	part->tracked = whole->tracked;
	part->odd = whole->odd;
	part->bounds = whole->bounds;
	part->text.places = whole->text.places;
	for (size_t i = 0; i < smaller->line_count; i++)
		if (lines[i] || smaller->fixed[i])
			buffer_add(&part->text.tables, smaller->lines[i].data, smaller->lines[i].size);
	buffer_add(&part->text.sets, whole->text.sets.data, whole->text.sets.size);
	for (size_t i = 0; i < whole->frame_count; i++)
		if (frames[i])
			part->frames[part->frame_count++] = whole->frames[i];
	return part;
}

static bool disagrees(struct smaller *smaller, const bool *lines, const bool *frames)
{
	struct trial *part = make(smaller, lines, frames);
	struct buffer why = {0}, ignored __attribute__((cleanup(buffer_fini))) = {0};
	struct rule_tally counted = {0};
	bool differs = false;

	if (!part)
		return false;
	if (!trial_prepare(part, &ignored) && trial_load(part, smaller->nft, &ignored) &&
	    !tally_init(&counted, part->ruleset, part->family) &&
	    trial_send(part, smaller->nft, &counted, NULL, &ignored))
		differs = trial_differs(part, smaller->nft, &counted, &why);
	tally_fini(&counted);
	trial_fini(part);
	free(part);
	if (differs) {
		buffer_fini(&smaller->why);
		smaller->why = why;
	} else {
		buffer_fini(&why);
	}
	return differs;
}

static bool with_lines(void *context, const bool *keep)
{
	struct smaller *smaller = context;

	return disagrees(smaller, keep, smaller->keep_frames);
}

static bool with_frames(void *context, const bool *keep)
{
	struct smaller *smaller = context;

	return disagrees(smaller, smaller->keep_lines, keep);
}

static void show_frame(const struct sent_frame *sent)
{
	struct buffer line __attribute__((cleanup(buffer_fini))) = {0};
	struct packet packet;
	enum link_verdict verdict;

	if (!packet_decode(LINK_ETHERNET, sent->frame.data, sent->frame.size, sent->frame.size, &packet,
			   &verdict))
		packet_print(&packet, &line);
	printf("#     %s\n#     frame ", line.data ? line.data : "");
	for (unsigned i = 0; i < sent->frame.size; i++)
		printf("%02x", sent->frame.data[i]);
	printf("\n");
}

void smaller_print(const struct trial *trial, bool nft)
{
	struct smaller *smaller = calloc(1, sizeof(*smaller));
	unsigned attempts = ATTEMPTS;

	if (!smaller)
		return;
	smaller->whole = trial;
	smaller->nft = nft;
	split(smaller);
	for (size_t i = 0; i < trial->frame_count; i++)
		smaller->keep_frames[i] = true;
	if (!disagrees(smaller, smaller->keep_lines, smaller->keep_frames)) {
		printf("#   once more, and they agree\n");
	} else {
		attempts = shrink(smaller->keep_frames, trial->frame_count, attempts, with_frames, smaller);
		for (size_t i = 0; i < smaller->line_count; i++)
			smaller->keep_lines[i] = !smaller->fixed[i];
		attempts = shrink(smaller->keep_lines, smaller->line_count, attempts, with_lines, smaller);
		shrink(smaller->keep_frames, trial->frame_count, attempts, with_frames, smaller);
		printf("#   smallest (seed 0x%016" PRIx64
		       ", iptables-%s, IPv%c%s%s): what the engine met, what the "
		       "kernel counted:%s\n",
		       trial->seed, nft ? "nft" : "legacy", trial->family == FAMILY_IPV4 ? '4' : '6',
		       trial->rules.forwarding ? ", forwarding" : "",
		       trial->rules.session ? ", in order" : "", smaller->why.data ? smaller->why.data : "");
		for (size_t i = 0; i < smaller->line_count; i++)
			if (smaller->keep_lines[i] || smaller->fixed[i])
				printf("#     %.*s", (int)smaller->lines[i].size, smaller->lines[i].data);
		for (size_t i = 0; i < trial->frame_count; i++)
			if (smaller->keep_frames[i])
				show_frame(&trial->frames[i]);
	}
	fflush(stdout);
	buffer_fini(&smaller->why);
	free(smaller);
}
