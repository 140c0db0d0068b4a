locals {
  account = "123456789012"
  bucket  = "arn:aws:s3:::example"
}
resource "aws_iam_role_policy" "caught_more_actions" {
  role   = "existing"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Sid = "Objects", Effect = "Allow", Action = ["s3:GetObject", "s3:DeleteObject"], Resource = "${local.bucket}/*" }] })
}
resource "aws_iam_policy" "caught_condition_gone" {
  name   = "one"
  policy = jsonencode({ Version = "2012-10-17", Statement = { Effect = "Allow", Action = ["sns:Publish"], Resource = "*" } })
}
resource "aws_iam_policy" "caught_denial_gone" {
  name   = "two"
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = "s3:*", Resource = "*" },
    { Sid = "Keep", Effect = "Deny", Action = ["s3:DeleteObject"], Resource = "${local.bucket}/audit/*" }] })
}
resource "aws_iam_policy" "caught_not_action" {
  name   = "three"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", NotAction = ["organizations:*"], Resource = "*" }] })
}
resource "aws_iam_role" "caught_trust" {
  name               = "trusted"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = ["arn:aws:iam::${local.account}:role/deployer", "arn:aws:iam::${local.account}:user/ana"] } }] })
}
resource "aws_sqs_queue_policy" "caught_other_account" {
  queue_url = "https://sqs.eu-central-1.amazonaws.com/123456789012/example"
  policy    = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Principal = { AWS = ["arn:aws:iam::${local.account}:root", "999999999999"] }, Resource = "*" }] })
}
resource "aws_iam_role" "caught_boundary" {
  name               = "bounded"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }] })
}
resource "aws_iam_role_policy_attachment" "caught_attached" {
  role       = "existing"
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}
resource "aws_iam_role" "caught_new_and_everything" {
  name               = "new-administrator"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }] })
  inline_policy {
    name   = "everything"
    policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }] })
  }
}
resource "aws_lambda_permission" "caught_any_account" {
  function_name = "existing"
  action        = "lambda:InvokeFunction"
  principal     = "sns.amazonaws.com"
}
resource "aws_lambda_permission" "near_one_source" {
  function_name = "existing"
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = "arn:aws:events:eu-central-1:123456789012:rule/example"
}
resource "aws_iam_policy" "near_rewritten" {
  name   = "four"
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Sid = "List", Effect = "Allow", Action = ["s3:listbucket"], Resource = [local.bucket] },
    { Effect = "Allow", Action = "s3:PutObject", Resource = ["${local.bucket}/b/*", "${local.bucket}/a/*"] },
    { Effect = "Allow", Action = "s3:GetObject", Resource = "${local.bucket}/a/*" },
    { Effect = "Allow", Action = "s3:GetObject", Resource = "${local.bucket}/b/c/*" }] })
}
resource "aws_iam_policy" "near_narrower" {
  name   = "five"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "dynamodb:Get*", Resource = "*", Condition = { Bool = { "aws:SecureTransport" = "true" } } }] })
}
resource "aws_iam_policy" "near_denied_anyway" {
  name   = "six"
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "*" },
    { Effect = "Deny", Action = "s3:Put*", Resource = "*" }] })
}
resource "aws_iam_role_policy" "near_on_what_is_new" {
  role   = "existing"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = ["arn:aws:sqs:eu-central-1:${local.account}:old", "arn:aws:sqs:eu-central-1:${local.account}:new"] }] })
}
resource "aws_sqs_queue" "old" { name = "old" }
resource "aws_sqs_queue" "new" { name = "new" }
resource "aws_iam_role" "near_new_and_narrow" {
  name               = "new"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}
resource "aws_iam_role_policy" "near_new_ones_policy" {
  role   = aws_iam_role.near_new_and_narrow.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "logs:PutLogEvents", Resource = "*" }] })
}
