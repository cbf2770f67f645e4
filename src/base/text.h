/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Text that is not owned (struct text), and text that grows (struct buffer). */
#ifndef WEIR_BASE_TEXT_H
#define WEIR_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
	const char *data; /* not NUL-terminated */
	size_t size;      /* bytes */
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})
struct text text_of(const char *string);
static inline bool text_equal(struct text a, struct text b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
/* Inline, as a reader asks it a hundred times a line: for a literal it is a comparison of sizes. */
static inline bool text_is(struct text a, const char *string)
{
	return text_equal(a, (struct text){string, strlen(string)});
}
bool text_starts(struct text a, const char *prefix);

/* A growing string. A buffer that could not grow stays as it was and says so in `failed`; data is always
 * NUL-terminated, or NULL while nothing was written. */
struct buffer {
	char *data;
	size_t size;
	size_t capacity;
	bool failed;
};

void buffer_add(struct buffer *buffer, const char *data, size_t size);
void buffer_puts(struct buffer *buffer, const char *string);
__attribute__((format(printf, 2, 3))) void buffer_printf(struct buffer *buffer, const char *format, ...);
void buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments);
void buffer_fini(struct buffer *buffer);

/* Whole number in decimal, or hexadecimal with 0x (as iptables takes them), all of the text. 0, -EINVAL when
 * it is no number, -ERANGE when it is greater than max. */
int number_parse(struct text text, uint64_t max, uint64_t *number);
/* The same as strtoul() with base 0 has it: 010 is eight, 08 is no number; blanks and a + may stand before
 * it.
 */
int number_parse_c(struct text text, uint64_t max, uint64_t *number);

#endif
