/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One file from elsewhere, by https, http or from this machine (file), within limits: whoever serves it may
 * send anything, for ever. */
#ifndef WEIR_FEED_FETCH_H
#define WEIR_FEED_FETCH_H

#include "base/text.h"

struct feed_limits {
	size_t bytes, lines;
	unsigned seconds;
};
/* A member's line has some 30 bytes; a set takes 4,194,304 of each family. */
#define FEED_LIMITS ((struct feed_limits){.bytes = (size_t)256 << 20, .lines = 5000000, .seconds = 300})

#define FEED_LINE_MAX 4096 /* bytes: no member needs them, and messages show the line */
#define FEED_TAG_MAX 512   /* with its NUL */

struct feed_request {
	const char *url;
	/* Of the copy that is at hand, as the server gave them; "" or NULL: none. */
	const char *etag, *modified;
	struct feed_limits limits;
};

struct feed_answer {
	bool unchanged; /* the server says that the copy is still the same; else ... */
	struct buffer body;
	char etag[FEED_TAG_MAX], modified[FEED_TAG_MAX]; /* "": it said none */
};
void feed_answer_fini(struct feed_answer *answer);

/* 0, -ENOMEM, -EFBIG when a limit was met, -EIO for all else; in words in `why`, one line. A redirection is
 * followed within the scheme alone: what is said to come by https does, and no server can have a file of this
 * machine read. */
int feed_fetch(const struct feed_request *request, struct feed_answer *answer, struct buffer *why);

#endif
