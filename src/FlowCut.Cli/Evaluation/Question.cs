namespace FlowCut.Cli.Evaluation;

/// <summary>A question about a picture, and what is right.</summary>
/// <param name="Id">No other question of the file has it.</param>
/// <param name="Picture">Path of the file.</param>
/// <param name="Text">As it is asked.</param>
/// <param name="Answers">At least one.</param>
/// <param name="Kind">What it is counted under besides; null: nothing.</param>
internal sealed record Question(string Id, string Picture, string Text, IReadOnlyList<string> Answers, string? Kind);
