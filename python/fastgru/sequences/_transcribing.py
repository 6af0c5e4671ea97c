"""What a fitted transcriber answers: transcripts, probabilities, alignments, streams."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from fastgru import _core
from fastgru._texts import check_texts
from fastgru.estimators._network import Architecture, Network
from fastgru.estimators._validation import thread_count
from fastgru.estimators._warning import warn_user
from fastgru.sequences._clips import FrameRule, check_clips
from fastgru.sequences._decoding import best_paths, check_search, log_of, probabilities, searched
from fastgru.sequences._labels import LabelSet, least_frames
from fastgru.sequences._transcriber_stream import TranscriberStream


class Aligned(NamedTuple):
    """A symbol, and the first and the last time step that it takes."""

    symbol: Any
    first: int
    last: int


class TranscribingMixin:
    """The methods of a fitted transcriber."""

    _network: Network
    _architecture: Architecture
    _labels: LabelSet
    n_jobs: int | None

    @property
    def _rule(self) -> FrameRule:
        return FrameRule(self._architecture["frame_length"], self._architecture["frame_step"])

    def predict(
        self,
        X: Any,
        *,
        beam_width: int = 1,
        lexicon: Any = None,
        lm: Any = None,
        lm_weight: float = 0.5,
        symbol_bonus: float = 0.0,
    ) -> list[Any]:
        """Return the transcripts of clips.

        A clip's transcript is the same alone and among any others.

        Parameters
        ----------
        X : list of array-like of shape (n_timesteps_i, n_features)
            The clips.
        beam_width : int, default=1
            The prefixes that a beam search keeps after each frame. 1, without `lexicon` and `lm`: the most
            probable symbol of every frame, as a stream answers.
        lexicon : list of str, or list of lists of tokens, default=None
            The words that transcripts consist of, with spaces between. Where no symbol is a space, a
            transcript is one entry of the lexicon as a whole.
        lm : GRULanguageModel or object, default=None
            A language model, fitted on transcripts with the same `level`. Or one of your own: ``begin() ->
            (state, scores)``, and ``advance(states, symbols) -> (states, scores)`` for lists of both. A row
            of scores, (1 + n_symbols,), holds the logarithm of the probability of the end, then of each of
            `symbols_`. States are any objects; they are not changed.
        lm_weight : float, default=0.5
            What the scores of `lm` are multiplied with.
        symbol_bonus : float, default=0.0
            Added for each symbol of a transcript: a language model prefers short ones.

        Returns
        -------
        transcripts : list of str, or list of lists of tokens
            One for each clip, of the kind of y.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            Another number of features than at fit, NaN or infinity; a beam width below 1 or above 10000; a
            word with symbols that fit did not see; a language model of another level.
        TypeError
            X or `lexicon` is no list, or `lm` no language model.

        Warns
        -----
        UserWarning
            Every transcript is empty.
        """
        check_is_fitted(self)
        check_search(beam_width, lm_weight, symbol_bonus)
        answers = self._answers(X)
        if beam_width == 1 and lexicon is None and lm is None:
            found = best_paths(answers)
        else:
            found = searched(
                answers,
                self._labels,
                beam_width=int(beam_width),
                lexicon=lexicon,
                lm=lm,
                lm_weight=float(lm_weight),
                symbol_bonus=float(symbol_bonus),
            )
        if not any(found) and any(map(len, answers)):
            warn_user(
                "Every transcript is empty: the network answers with the blank at every frame. That is how "
                "training begins; more epochs (max_iter), more or longer clips, or another "
                "learning_rate_init may help."
            )
        return [self._labels.decode(labels) for labels in found]

    def predict_log_proba(self, X: Any) -> list[NDArray[np.float64]]:
        """Return the logarithms of the probabilities of each frame's symbols.

        Parameters
        ----------
        X : list of array-like of shape (n_timesteps_i, n_features)
            The clips.

        Returns
        -------
        log_proba : list of ndarray of shape (n_frames_i, 1 + n_symbols)
            Column 0: no symbol at this frame; then one column for each of `symbols_`.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As :meth:`predict`.
        """
        check_is_fitted(self)
        return [log_of(each) for each in self._answers(X)]

    def align(self, X: Any, y: Any) -> list[list[Aligned]]:
        """Return when each symbol of known transcripts came, by the most probable path (Viterbi's).

        Parameters
        ----------
        X : list of array-like of shape (n_timesteps_i, n_features)
            The clips.
        y : list of str, or list of lists of tokens
            Their transcripts.

        Returns
        -------
        alignments : list of list of Aligned
            For each symbol a named tuple (`symbol`, `first`, `last`): the time steps of X that it takes, as
            far as frames tell them apart. CTC places a symbol near its end rather than over its whole
            length.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            As :meth:`predict`; a symbol that fit did not see; a clip too short for its transcript.
        TypeError
            As :meth:`predict`; transcripts of another kind than at fit.
        """
        check_is_fitted(self)
        clips = check_clips(self, X, dtype=self._architecture["dtype"], reset=False)
        targets = check_texts(y, "y", allow_empty=True)
        check_consistent_length(clips, targets)
        encoded = [self._labels.encode(target, f"y[{i}]") for i, target in enumerate(targets)]
        rule = self._rule
        for i, (clip, labels) in enumerate(zip(clips, encoded, strict=True)):
            got, wanted = rule.count(len(clip)), least_frames(labels)
            if got < wanted:
                raise ValueError(f"X[{i}] has {got} frames, and its transcript y[{i}] needs {wanted}")
        answers = probabilities(self._network, clips, rule, thread_count(self.n_jobs))
        found = []
        for clip, labels, each in zip(clips, encoded, answers, strict=True):
            firsts, lasts, _ = _core.ctc_align(log_of(each), labels.tolist())
            spans = [rule.span(a, b, len(clip)) for a, b in zip(firsts, lasts, strict=True)]
            symbols = self._labels.symbols(labels.tolist())
            found.append([Aligned(symbol, *span) for symbol, span in zip(symbols, spans, strict=True)])
        return found

    def score(self, X: Any, y: Any) -> float:
        """Return 1 minus the character error rate of texts, or minus the error rate of tokens.

        Parameters
        ----------
        X : list of array-like of shape (n_timesteps_i, n_features)
            The clips.
        y : list of str, or list of lists of tokens
            Their true transcripts; symbols that fit did not see count as errors.

        Returns
        -------
        float
            1 where all is right; below 0 where there are more errors than symbols.

        Raises
        ------
        NotFittedError, ValueError, TypeError
            As :meth:`predict`.
        """
        check_is_fitted(self)
        targets = check_texts(y, "y", allow_empty=True)
        answers = best_paths(self._answers(X))
        check_consistent_length(answers, targets)
        return 1.0 - self._labels.error_rate(targets, [self._labels.decode(labels) for labels in answers])

    def stream(self, batch_size: int = 1) -> TranscriberStream:
        """Return a stream that takes one time step at a time and says what it has heard.

        Parameters
        ----------
        batch_size : int, default=1
            Clips stepped side by side.

        Returns
        -------
        TranscriberStream
            ``stream.step(x)`` returns the symbols that are new, ``stream.answer`` all so far: what
            :meth:`predict` answers to the time steps so far, from the first whole frame on.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            ``bidirectional=True``: the reverse direction needs the future.
        """
        check_is_fitted(self)
        if self._architecture["bidirectional"]:
            raise ValueError(
                "a transcriber with bidirectional=True cannot stream: the reverse direction needs the end of "
                "the clip. Fit with bidirectional=False"
            )
        return TranscriberStream(self, batch_size)

    def _answers(self, X: Any) -> list[NDArray[Any]]:
        """Return the probabilities (n_frames_i, classes) of each clip."""
        clips = check_clips(self, X, dtype=self._architecture["dtype"], reset=False)
        return probabilities(self._network, clips, self._rule, thread_count(self.n_jobs))
