/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text text_of(const char *string)
{
	return (struct text){string, strlen(string)};
}

bool text_starts(struct text a, const char *prefix)
{
	size_t size = strlen(prefix);
	return a.size >= size && memcmp(a.data, prefix, size) == 0;
}

/* Room for `size` more bytes and a NUL. */
static bool buffer_reserve(struct buffer *buffer, size_t size)
{
	size_t need;
	if (buffer->failed || __builtin_add_overflow(buffer->size, size, &need) ||
	    __builtin_add_overflow(need, 1, &need) || need > SIZE_MAX / 2) {
		buffer->failed = true;
		return false;
	}
	if (need <= buffer->capacity)
		return true;
	size_t capacity = buffer->capacity ? buffer->capacity : 256;
	while (capacity < need)
		capacity *= 2;
	char *data = realloc(buffer->data, capacity);
	if (!data) {
		buffer->failed = true;
		return false;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

void buffer_add(struct buffer *buffer, const char *data, size_t size)
{
	if (!buffer_reserve(buffer, size))
		return;
	if (size)
		memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
	buffer->data[buffer->size] = '\0';
}

void buffer_puts(struct buffer *buffer, const char *string)
{
	buffer_add(buffer, string, strlen(string));
}

void buffer_vprintf(struct buffer *buffer, const char *format, va_list arguments)
{
	va_list again;
	va_copy(again, arguments);
	int size = vsnprintf(NULL, 0, format, arguments);
	if (size < 0)
		buffer->failed = true;
	else if (buffer_reserve(buffer, (size_t)size)) {
		vsnprintf(buffer->data + buffer->size, (size_t)size + 1, format, again);
		buffer->size += (size_t)size;
	}
	va_end(again);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	buffer_vprintf(buffer, format, arguments);
	va_end(arguments);
}

void buffer_fini(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){0};
}

int number_parse(struct text text, uint64_t max, uint64_t *number)
{
	unsigned base = 10;
	size_t at = 0;
	if (text.size > 2 && text.data[0] == '0' && (text.data[1] == 'x' || text.data[1] == 'X')) {
		base = 16;
		at = 2;
	}
	if (at == text.size)
		return -EINVAL;
	uint64_t value = 0;
	bool overflow = false;
	for (; at < text.size; at++) {
		unsigned char c = (unsigned char)text.data[at];
		unsigned digit;
		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			digit = c - 'A' + 10;
		else
			return -EINVAL;
		if (digit >= base)
			return -EINVAL;
		overflow |= __builtin_mul_overflow(value, base, &value);
		overflow |= __builtin_add_overflow(value, digit, &value);
	}
	if (overflow || value > max)
		return -ERANGE;
	*number = value;
	return 0;
}

int number_parse_c(struct text text, uint64_t max, uint64_t *number)
{
	uint64_t value = 0;
	size_t at = 1;

	while (text.size && isspace((unsigned char)text.data[0]))
		text = (struct text){text.data + 1, text.size - 1};
	if (text.size > 1 && text.data[0] == '+' && isalnum((unsigned char)text.data[1]))
		text = (struct text){text.data + 1, text.size - 1};
	if (text.size < 2 || text.data[0] != '0' || text.data[1] == 'x' || text.data[1] == 'X')
		return number_parse(text, max, number);
	for (; at < text.size; at++) {
		if (text.data[at] < '0' || text.data[at] > '7')
			return -EINVAL;
		if (value > max >> 3)
			return -ERANGE;
		value = value << 3 | (uint64_t)(text.data[at] - '0');
		if (value > max)
			return -ERANGE;
	}
	*number = value;
	return 0;
}
