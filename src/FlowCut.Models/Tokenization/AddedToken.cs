namespace FlowCut.Models.Tokenization;

/// <summary>
/// A token that is looked for in the text itself, before anything is merged: special tokens, and tokens that were added
/// to a finished vocabulary.
/// </summary>
/// <param name="Content">The text that stands for the token.</param>
/// <param name="Id">The token's id; it may be the id of a vocabulary entry with another text.</param>
/// <param name="Special">Left out when text is decoded without special tokens.</param>
/// <param name="SingleWord">Only recognised where no word character touches it.</param>
/// <param name="LeftStrip">Swallows the white space in front of it.</param>
/// <param name="RightStrip">Swallows the white space after it.</param>
/// <param name="Normalized">Looked for in the normalised text, in its own normalised form, instead of in the text as given.</param>
internal readonly record struct AddedToken(
    string Content,
    int Id,
    bool Special,
    bool SingleWord = false,
    bool LeftStrip = false,
    bool RightStrip = false,
    bool Normalized = false);
