"""The Scrapy side: one crawler for each host, all in one process, each with the settings of its host.

    python spider.py HOSTS.json JOBS ITEMS.jsonl usual|exact

`usual` is what the documentation of AutoThrottle suggests. `exact` asks for the delay itself: no random factor, and
AutoThrottle begins at the delay instead of five seconds.
"""

import json
import sys
from pathlib import Path

import scrapy
from scrapy.crawler import CrawlerProcess


class ListSpider(scrapy.Spider):
    name = "list"

    async def start(self):
        yield self.page(1)

    def page(self, number):
        return scrapy.Request(f"http://{self.host['address']}:{self.host['port']}/list?page={number}", self.parse)

    def parse(self, response):
        answer = response.json()
        yield from answer["items"]
        # all at once, so that what is left to do lies in JOBDIR
        if response.url.endswith("page=1"):
            for number in range(2, answer["pages"] + 1):
                yield self.page(number)


class JsonLines:
    """Every item is on its line before the next page is asked: kinder to a kill than a buffered feed."""

    def open_spider(self):
        self.file = open(ITEMS, "a", buffering=1)

    def close_spider(self):
        self.file.close()

    def process_item(self, item):
        self.file.write(json.dumps(item) + "\n")
        return item


def settings(host, jobs, exact):
    chosen = {
        "AUTOTHROTTLE_ENABLED": True,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_DELAY": host["delay"],
        "ITEM_PIPELINES": {JsonLines: 100},
        "JOBDIR": str(Path(jobs) / host["address"]),
        "LOG_LEVEL": "WARNING",
        "ROBOTSTXT_OBEY": True,
        "TELNETCONSOLE_ENABLED": False,
        "USER_AGENT": "peers (+https://example.org/tenders)",
    }
    if exact:
        chosen |= {"AUTOTHROTTLE_START_DELAY": host["delay"], "RANDOMIZE_DOWNLOAD_DELAY": False}
    return chosen


if __name__ == "__main__":
    HOSTS, JOBS, ITEMS, MODE = sys.argv[1:]
    process = CrawlerProcess({"LOG_LEVEL": "WARNING"})
    for host in json.loads(Path(HOSTS).read_text()):
        spider = type("HostSpider", (ListSpider,), {"host": host, "custom_settings": settings(host, JOBS, MODE == "exact")})
        process.crawl(spider)
    process.start()
