/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Text of the input as it may go to a terminal or into JSON. reason.c */
#ifndef WEIR_COMMAND_CLEAN_H
#define WEIR_COMMAND_CLEAN_H

#include "base/text.h"

struct json_object;

/* Control characters, and what is not UTF-8, as '?'. */
void clean_print(struct text text, struct buffer *out);
/* The same, to standard output, and as a string of JSON. */
void clean_put(struct text text);
struct json_object *clean_json(struct text text);

#endif
