# SPDX-License-Identifier: Apache-2.0
"""A hook of mkdocs: links of pages to what is not below docs/ lead to the repository."""

import posixpath
import re

# The place of a Markdown link that begins with "../", with what is before and behind it.
LINK = re.compile(r"(\]\()(\.\./[^)#\s]*)([^)]*\))")


def on_page_markdown(markdown, page, config, **_):
    """Returns the page's text with such links."""
    directory = posixpath.dirname(posixpath.join("docs", page.file.src_uri))

    def outside(link):
        target = posixpath.normpath(posixpath.join(directory, link[2]))
        if target.startswith("docs/"):
            return link[0]
        return f"{link[1]}{config['repo_url']}/blob/main/{target}{link[3]}"

    return LINK.sub(outside, markdown)
