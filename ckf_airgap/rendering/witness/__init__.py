"""The second witness: what a merged bundle pulls, judged by code of its own.

It knows neither the recogniser of images, nor the walk over options, nor the rules of a release: a
mistake in those is not repeated here. It reads what will be in force (`inforce`), walks through it
(`survey`), puts together what is written in parts (`composing`), and judges each text by its own
lights (`judging`). It is cruder than what it checks: it names what is public beyond doubt, and
asks the list of images about the rest.
"""
