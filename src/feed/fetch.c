/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * libcurl, with everything off that a list of addresses needs not. */
#include "feed/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#define REDIRECTIONS_MAX 5L
#define CONNECT_SECONDS 20L
#define SLOW_BYTES 100L /* a second, for ... */
#define SLOW_SECONDS 30L
#define HTTP_OK 200
#define HTTP_NOT_MODIFIED 304

void feed_answer_fini(struct feed_answer *answer)
{
	buffer_fini(&answer->body);
}

struct transfer {
	const struct feed_request *request;
	struct feed_answer *answer;
	size_t lines, line; /* line ends so far, and bytes behind the last one */
	enum { NO_LIMIT, TOO_MANY_BYTES, TOO_MANY_LINES, LINE_TOO_LONG, NO_MEMORY } limit;
};

/* --- What curl calls ----------------------------------------------------------------------------- */

/* Whether what came is within the limits, so far. */
static bool count_lines(struct transfer *transfer, const char *data, size_t size)
{
	const char *at = data, *end = data + size;

	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		transfer->line += (size_t)((stop ? stop : end) - at);
		if (transfer->line > FEED_LINE_MAX) {
			transfer->limit = LINE_TOO_LONG;
			return false;
		}
		if (!stop)
			return true;
		transfer->line = 0;
		if (++transfer->lines > transfer->request->limits.lines) {
			transfer->limit = TOO_MANY_LINES;
			return false;
		}
		at = stop + 1;
	}
	return true;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	struct buffer *body = &transfer->answer->body;

	(void)size; /* 1, says CURLOPT_WRITEFUNCTION(3) */
	if (count > transfer->request->limits.bytes - body->size)
		transfer->limit = TOO_MANY_BYTES;
	else if (count_lines(transfer, data, count))
		buffer_add(body, data, count);
	if (body->failed)
		transfer->limit = NO_MEMORY;
	return transfer->limit ? CURL_WRITEFUNC_ERROR : count;
}

/* The value, when it can be sent back as it is: it goes into a header of ours. */
static void take_value(const char *data, size_t size, char value[FEED_TAG_MAX])
{
	while (size && (*data == ' ' || *data == '\t')) {
		data++;
		size--;
	}
	while (size && strchr(" \t\r\n", data[size - 1]))
		size--;
	value[0] = '\0';
	if (size >= FEED_TAG_MAX)
		return;
	for (size_t i = 0; i < size; i++)
		if (data[i] < ' ' || data[i] > '~')
			return;
	memcpy(value, data, size);
	value[size] = '\0';
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
	static const char status[] = "HTTP/", etag[] = "etag:", modified[] = "last-modified:";
	struct feed_answer *answer = ((struct transfer *)context)->answer;

	(void)size;
	/* of the last answer, behind redirections */
	if (count >= sizeof(status) - 1 && memcmp(data, status, sizeof(status) - 1) == 0)
		answer->etag[0] = answer->modified[0] = '\0';
	else if (count >= sizeof(etag) - 1 && strncasecmp(data, etag, sizeof(etag) - 1) == 0)
		take_value(data + sizeof(etag) - 1, count - (sizeof(etag) - 1), answer->etag);
	else if (count >= sizeof(modified) - 1 && strncasecmp(data, modified, sizeof(modified) - 1) == 0)
		take_value(data + sizeof(modified) - 1, count - (sizeof(modified) - 1), answer->modified);
	return count;
}

/* --- Files of this machine ----------------------------------------------------------------------- */

/* Only regular ones: a named pipe would hang where no time limit of curl's holds. */
static int check_file(const char *url, struct buffer *why)
{
	char *path = NULL;
	struct stat status;
	CURLU *parsed = curl_url();
	int error = 0;

	if (!parsed)
		return -ENOMEM;
	if (curl_url_set(parsed, CURLUPART_URL, url, 0) ||
	    curl_url_get(parsed, CURLUPART_PATH, &path, CURLU_URLDECODE)) {
		buffer_puts(why, "this is no file's address");
		error = -EIO;
	} else if (stat(path, &status) < 0) {
		buffer_printf(why, "cannot read %s: %s", path, strerror(errno));
		error = -EIO;
	} else if (!S_ISREG(status.st_mode)) {
		buffer_printf(why, "cannot read %s: it is no regular file", path);
		error = -EIO;
	}
	curl_free(path);
	curl_url_cleanup(parsed);
	return error;
}

/* --- Fetching ------------------------------------------------------------------------------------ */

static const char *scheme_of(const char *url)
{
	static const char *const schemes[] = {"https", "http", "file"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		size_t size = strlen(schemes[i]);
		if (strncmp(url, schemes[i], size) == 0 && strncmp(url + size, "://", 3) == 0)
			return schemes[i];
	}
	return NULL;
}

static bool add_condition(struct curl_slist **headers, const char *name, const char *value)
{
	struct buffer line = {0};
	struct curl_slist *grown = NULL;

	if (!value || !*value)
		return true;
	buffer_printf(&line, "%s: %s", name, value);
	if (!line.failed)
		grown = curl_slist_append(*headers, line.data);
	buffer_fini(&line);
	if (grown)
		*headers = grown;
	return grown != NULL;
}

static bool set_up(CURL *curl, struct transfer *transfer, const char *scheme, struct curl_slist *headers)
{
	const struct feed_request *request = transfer->request;
	CURLcode codes[] = {
	    curl_easy_setopt(curl, CURLOPT_URL, request->url),
	    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, scheme),
	    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, *scheme == 'f' ? "http" : scheme),
	    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, *scheme == 'f' ? 0L : 1L),
	    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTIONS_MAX),
	    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L),
	    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L),
	    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)request->limits.seconds),
	    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS),
	    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES),
	    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS),
	    curl_easy_setopt(curl, CURLOPT_USERAGENT, "weir"),
	    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers),
	    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body),
	    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer),
	    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header),
	    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer),
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i])
			return false;
	return true;
}

static int say_limit(const struct transfer *transfer, struct buffer *why)
{
	const struct feed_limits *limits = &transfer->request->limits;

	if (transfer->limit == NO_MEMORY)
		return -ENOMEM;
	if (transfer->limit == TOO_MANY_BYTES)
		buffer_printf(why, "it has more than %zu bytes", limits->bytes);
	else if (transfer->limit == LINE_TOO_LONG)
		buffer_printf(why, "line %zu has more than %d bytes", transfer->lines + 1, FEED_LINE_MAX);
	else
		buffer_printf(why, "it has more than %zu lines", limits->lines);
	return -EFBIG;
}

static int say_failed(CURL *curl, CURLcode code, const char *detail, const struct transfer *transfer,
		      struct buffer *why)
{
	char *elsewhere = NULL;
	long status = 0;

	if (transfer->limit)
		return say_limit(transfer, why);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &elsewhere);
	if (code == CURLE_OUT_OF_MEMORY)
		return -ENOMEM;
	if (code == CURLE_HTTP_RETURNED_ERROR)
		buffer_printf(why, "the server's answer is status %ld", status);
	else if (code == CURLE_UNSUPPORTED_PROTOCOL && status >= 300 && status < 400)
		buffer_printf(
		    why,
		    "the server sends us to an address of another scheme: the policy must name that itself");
	else if (code == CURLE_OPERATION_TIMEDOUT)
		buffer_printf(why, "it takes too long: %s", *detail ? detail : curl_easy_strerror(code));
	else
		buffer_puts(why, *detail ? detail : curl_easy_strerror(code));
	return -EIO;
}

static int perform(CURL *curl, struct transfer *transfer, bool http, bool asked, struct buffer *why)
{
	char detail[CURL_ERROR_SIZE] = "";
	long status = 0;

	if (curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail))
		return -ENOMEM;
	CURLcode code = curl_easy_perform(curl);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
	if (code)
		return say_failed(curl, code, detail, transfer, why);
	if (!http)
		return 0;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	transfer->answer->unchanged = status == HTTP_NOT_MODIFIED && asked;
	if (status == HTTP_OK || transfer->answer->unchanged)
		return 0;
	buffer_printf(why, "the server's answer is status %ld, in place of a list", status);
	return -EIO;
}

int feed_fetch(const struct feed_request *request, struct feed_answer *answer, struct buffer *why)
{
	const char *scheme = scheme_of(request->url);
	struct feed_answer fresh = {.unchanged = false};
	struct transfer transfer = {.request = request, .answer = &fresh};
	struct curl_slist *headers = NULL;
	bool asked = (request->etag && *request->etag) || (request->modified && *request->modified);

	if (!scheme) {
		buffer_puts(why, "a feed comes by https://, http:// or file:///");
		return -EIO;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return -ENOMEM;
	int error = *scheme == 'f' ? check_file(request->url, why) : 0;
	CURL *curl = error ? NULL : curl_easy_init();
	if (!error && (!curl || !add_condition(&headers, "If-None-Match", request->etag) ||
		       !add_condition(&headers, "If-Modified-Since", request->modified) ||
		       !set_up(curl, &transfer, scheme, headers)))
		error = -ENOMEM;
	if (!error)
		error = perform(curl, &transfer, *scheme == 'h', asked, why);
	if (curl)
		curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	curl_global_cleanup();
	if (error)
		feed_answer_fini(&fresh);
	else
		*answer = fresh;
	return error;
}
